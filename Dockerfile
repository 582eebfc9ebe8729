# The image of flows' pods: Python, flowc's runtime and authoring API, and the packages of `runtime_image/dependencies`.
# It has no compiler, Hera, Kubernetes client or pip. All of flowc is in the virtual environment /opt/flowc.
#
#   docker build -t flowc-runtime .
#   docker build -t flowc-runtime:ml --build-arg EXTRA_PIP="numpy==2.4.6 scikit-learn==1.9.1" .
#   docker build -t flowc-runtime:notebook --build-arg EXTRA_PIP="nbclient==0.11.0 ipykernel==7.4.0" .

ARG BASE=docker.io/library/python:3.13.9-slim-bookworm

FROM ${BASE} AS build
ARG PIP="python3 -m pip --python /opt/flowc/bin/python"
ARG PIP_OPTIONS=""
ARG EXTRA_PIP=""
RUN python3 -m venv --without-pip /opt/flowc && rm /opt/flowc/bin/[Aa]ctivate*
# Bytecode is compiled here, because a pod is read-only; it is unchecked, because the files cannot change.
RUN echo 'exec /opt/flowc/bin/python -m compileall -q -f --invalidation-mode unchecked-hash "$@"' > /compile
# The metadata of `metaflow`: packages of EXTRA_PIP that require it must not install Metaflow itself.
COPY sdk/distribution /distribution
RUN cp -r /distribution/* /opt/flowc/lib/python3*/site-packages
COPY runtime_image/dependencies /dependencies
RUN ${PIP} install --no-cache-dir --no-compile --only-binary :all: --find-links /dependencies ${PIP_OPTIONS} \
      --requirement /dependencies/requirements.txt ${EXTRA_PIP} \
 && sh /compile /opt/flowc/lib
COPY sdk/metaflow /source/metaflow
COPY compiler/flowc /source/flowc
COPY compiler/flowc_ir /source/flowc_ir
COPY runtime_image/flowc_runtime /source/flowc_runtime
RUN sh /compile -s /source -p /opt/flowc /source && cp -r /source/* /opt/flowc/lib/python3*/site-packages

FROM ${BASE}
# Official images lack the standard library's bytecode: a read-only pod would compile its imports at every start.
RUN lib=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))') \
 && rm -rf "$lib"/ensurepip "$lib"/site-packages/* /usr/local/bin/pip* \
 && python3 -m compileall -q -x '/(test|tests|idlelib|tkinter|turtledemo|lib2to3)/' "$lib" \
 && echo 'flowc:x:1000:1000::/tmp:/usr/sbin/nologin' >> /etc/passwd
COPY --from=build /opt/flowc /opt/flowc
ENV PATH=/opt/flowc/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 HOME=/tmp PYTHONDONTWRITEBYTECODE=1
WORKDIR /tmp
USER 1000:1000
CMD ["python"]
