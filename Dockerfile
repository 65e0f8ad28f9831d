# The image of all services in compose.yaml and compose.cluster.yaml, so it has the extras for object stores and Dask.
ARG PYTHON=python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea
FROM ${PYTHON}
WORKDIR /app
COPY requirements-cluster.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements-cluster.lock
COPY . .
# The compiler is for the kernel, and is removed in the same layer.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev \
  && pip install --no-cache-dir --no-deps --no-build-isolation --editable . \
  && apt-get purge --yes --auto-remove gcc libc6-dev && rm -rf /var/lib/apt/lists/* \
  && useradd --create-home cleansplit && mkdir /workspace /server && chown cleansplit /workspace /server
# The folder is the container's own, whatever rights a volume gives it.
ENV CLEANSPLIT_WORKSPACE=/workspace CLEANSPLIT_SHARED_WORKSPACE=1
USER cleansplit
