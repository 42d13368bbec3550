# syntax=docker/dockerfile:1

# The image is one static program on distroless: no shell, no packages, a user
# without rights. Both bases can be pinned by digest:
#
#   docker build --build-arg RUNTIME=gcr.io/distroless/static-debian12:nonroot@sha256:... -t stockhold .
ARG GO=golang:1.26
ARG RUNTIME=gcr.io/distroless/static-debian12:nonroot

# Compiled on the builder's own platform for the one that is asked for.
FROM --platform=$BUILDPLATFORM ${GO} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH
# The commit is noted by the compiler, which reads it from .git.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags=-s -o /out/stockhold ./cmd/stockhold

FROM ${RUNTIME}
LABEL org.opencontainers.image.title="stockhold" \
      org.opencontainers.image.description="Holds stock for orders: Try holds, Confirm takes, Cancel gives back."
COPY --from=build /out/stockhold /usr/local/bin/stockhold
# The user's own folder: without a configuration, the embedded ledger is kept in it.
WORKDIR /home/nonroot
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/stockhold"]
CMD ["serve"]
