# The image of all services in compose.yaml.
FROM python:3.12-slim
WORKDIR /app
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable . && useradd --create-home cleansplit \
  && mkdir /workspace && chown cleansplit /workspace
USER cleansplit
