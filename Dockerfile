# syntax=docker/dockerfile:1
# One image for the API, the migration and the workers; the command decides which it is.
#
# Which PyTorch? The wheel that pip finds for torch's version in constraints.txt is the CUDA build on x86-64, which
# also runs without a GPU but is several gigabytes larger than the CPU build. TORCH chooses:
#   --build-arg TORCH=cuda   (default) whatever pip finds: right for GPU workers, works everywhere
#   --build-arg TORCH=cpu    needs a place where pip finds CPU wheels: name it in PIP_EXTRA_ARGS, for instance
#                            --build-arg PIP_EXTRA_ARGS="--extra-index-url ADDRESS-OF-PYTORCH'S-CPU-WHEELS"
#                            The build stops if what was installed carries CUDA all the same.
# PIP_EXTRA_ARGS also serves private mirrors. No address is written here: it is the builder's choice.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim-bookworm AS build
ARG TORCH=cuda
ARG PIP_EXTRA_ARGS=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/erlangen
WORKDIR /src
# The dependencies change rarely: a layer of their own, made from the project files alone. The client lies here.
COPY pyproject.toml constraints.txt ./
COPY client/pyproject.toml client/pyproject.toml
RUN python - <<'PY' > requirements.txt
import tomllib
from pathlib import Path

needed = [
    requirement
    for folder in (Path("."), Path("client"))
    for requirement in tomllib.loads((folder / "pyproject.toml").read_text())["project"]["dependencies"]
]
print("\n".join(requirement for requirement in needed if not requirement.startswith("erlangen-client")))
PY
RUN /opt/erlangen/bin/python -m pip install ${PIP_EXTRA_ARGS} -c constraints.txt -r requirements.txt
RUN case "${TORCH}" in \
      cpu) /opt/erlangen/bin/python -c "import sys, torch; sys.exit(f'TORCH=cpu, but pip found {torch.__version__} with CUDA: name CPU wheels in PIP_EXTRA_ARGS' if torch.version.cuda else 0)" ;; \
      cuda) ;; \
      *) echo "TORCH is cpu or cuda, not ${TORCH}"; exit 1 ;; \
    esac
COPY . .
RUN /opt/erlangen/bin/python -m pip install --no-deps ./client .

FROM python:${PYTHON_VERSION}-slim-bookworm
# tini is process 1: it passes signals on and reaps the children that trainers leave when they are killed.
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/erlangen --create-home erlangen
COPY --from=build /opt/erlangen /opt/erlangen
ENV PATH=/opt/erlangen/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ERLANGEN_HOST=0.0.0.0 \
    ERLANGEN_PORT=8000 \
    ERLANGEN_DATA_DIR=/var/lib/erlangen
USER 10001:10001
WORKDIR /var/lib/erlangen
VOLUME /var/lib/erlangen
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['ERLANGEN_PORT'] + '/livez', timeout=4)"]
ENTRYPOINT ["tini", "--"]
CMD ["erlangen", "serve"]
