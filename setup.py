"""Compile the kernel when cleansplit is installed; without a compiler it is installed all the same."""

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext


class BuildLibrary(build_ext):
    """Build a plain library: it does not use Python's interface, so any version of Python can load it."""

    def get_ext_filename(self, fullname: str) -> str:
        """Return the name without the version of Python."""
        return fullname.replace(".", "/") + ".so"

    def get_export_symbols(self, ext: Extension) -> list[str]:
        """Return the symbols of a plain library, which does not initialize a Python module."""
        return ext.export_symbols


class PlatformWheel(bdist_wheel):
    """Build a wheel for a platform and every version of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return the tag of the wheel."""
        return "py3", "none", super().get_tag()[2]


KERNEL = Extension(
    "tasks.libkernel",
    ["tasks/kernel.c", "tasks/kernel_avx2.c"],
    depends=["tasks/kernel.c"],
    # Without contraction and errno every processor gives the same bits; see kernel.c.
    extra_compile_args=["-O3", "-ffp-contract=off", "-fno-math-errno", "-Wno-psabi"],
    libraries=["m"],
    optional=True,
)

setup(ext_modules=[KERNEL], cmdclass={"build_ext": BuildLibrary, "bdist_wheel": PlatformWheel})
