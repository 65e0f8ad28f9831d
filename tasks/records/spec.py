"""The parameters of each flow as one validated record, with defaults and checks across parameters."""

from tasks.records.spec_base import Spec, WorkSpec
from tasks.records.spec_drawing import DrawSpec, PrepareSpec, RunSpec, SplitSpec, TrainingSpec
from tasks.records.spec_existing import AuditSpec, CleanSpec, EvaluateSpec, ReproduceSpec, SanitizeSpec, VerifySpec
from tasks.records.spec_searching import CHANGES_NO_RESULT, DedupeSpec, OverlapSpec, SearchSpec, SourceSpec

ComparingSpec = OverlapSpec | DedupeSpec
TrainedSpec = RunSpec | SplitSpec
