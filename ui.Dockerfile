# The image of the page that shows runs (`flowc ui`): Python and the whole of flowc with the extras `cluster` and `ui`.
# It has no pip. The chart runs it with a read-only root file system (helm/flowc, ui.enabled).
#
#   docker build -f ui.Dockerfile -t flowc-ui .

ARG BASE=docker.io/library/python:3.13.9-slim-bookworm

FROM ${BASE} AS build
ARG PIP="python3 -m pip --python /opt/flowc/bin/python"
ARG PIP_OPTIONS=""
RUN python3 -m venv --without-pip /opt/flowc && rm /opt/flowc/bin/[Aa]ctivate*
COPY . /source
# tzdata: the page computes firing times in the time zones of schedules.
RUN ${PIP} install --no-cache-dir --no-compile ${PIP_OPTIONS} "/source[cluster,ui]" tzdata \
 && /opt/flowc/bin/python -m compileall -q -f --invalidation-mode unchecked-hash /opt/flowc/lib

FROM ${BASE}
RUN lib=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))') \
 && rm -rf "$lib"/ensurepip "$lib"/site-packages/* /usr/local/bin/pip* \
 && echo 'flowc:x:1000:1000::/tmp:/usr/sbin/nologin' >> /etc/passwd
COPY --from=build /opt/flowc /opt/flowc
ENV PATH=/opt/flowc/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 HOME=/tmp PYTHONDONTWRITEBYTECODE=1
WORKDIR /tmp
USER 1000:1000
EXPOSE 8325
CMD ["flowc", "ui", "--no-open", "--host=0.0.0.0", "--port=8325"]
