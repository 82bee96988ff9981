# The image of the daemon and of its command line. It runs as a number, writes nowhere, and has neither pip nor compilers.
# The base is pinned here and nowhere else: python:3.13-slim-trixie, of August 2026.
ARG BASE=python:3.13-slim-trixie@sha256:9662417aace5ae7b8e2609cce472b72a8958e134ba372808abe9cc1a0c0125e6

FROM ${BASE} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY scripts/build_image.sh scripts/
COPY scripts/locks/build.txt scripts/locks/run.txt scripts/locks/
COPY ingress_canary ingress_canary
RUN sh scripts/build_image.sh /opt/ingress-canary

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ingress-canary" \
      org.opencontainers.image.description="Safe canary releases behind NGINX-annotation ingress controllers, without a service mesh" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="python:3.13-slim-trixie"
# The base comes without bytecode: a read-only root would have the standard library compiled at each start.
RUN rm -rf /usr/local/lib/python3.13/site-packages/* /usr/local/lib/python3.13/ensurepip \
        /usr/local/bin/pip* /usr/local/lib/python3.13/idlelib /usr/local/lib/python3.13/tkinter \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/local/lib/python3.13
COPY --from=build /opt/ingress-canary /opt/ingress-canary
# The Kubernetes client wants to know a home when it is imported, whether there is one or not.
ENV HOME=/nonexistent \
    PATH=/opt/ingress-canary/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /
EXPOSE 8080
ENTRYPOINT ["ingress-canary"]
CMD ["--help"]
