# syntax=docker/dockerfile:1
# The image of workers, beat and every command: docker build --tag clerk-tasks .
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/image.txt requirements/build.txt requirements/
# The libraries change more seldom than the program: their layer is kept.
RUN python -m venv /opt/clerk-tasks \
    && /opt/clerk-tasks/bin/pip install --require-hashes --requirement requirements/image.txt \
    && pip install --require-hashes --requirement requirements/build.txt
COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/clerk-tasks/bin/pip install --no-deps /wheels/*.whl

FROM python:${PYTHON}
# Spanish for OCR, English comes with the libraries; tini reaps what a killed job leaves behind.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tesseract-ocr tesseract-ocr-spa tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/clerk-tasks --shell /usr/sbin/nologin clerk \
    && install --directory --owner clerk --group clerk /var/lib/clerk-tasks /srv/sites /srv/published
COPY --from=build /opt/clerk-tasks /opt/clerk-tasks
ENV PATH=/opt/clerk-tasks/bin:$PATH PYTHONUNBUFFERED=1 STORAGE_DIR=/srv/sites
USER 10001:10001
WORKDIR /var/lib/clerk-tasks
STOPSIGNAL SIGTERM
# Beat and one-off commands set another, or none.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["clerk-tasks", "probe", "--live", "--timeout", "2"]
ENTRYPOINT ["tini", "--", "clerk-tasks"]
CMD ["worker"]
