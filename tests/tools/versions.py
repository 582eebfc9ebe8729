"""The versions of all programs and packages that the tests compare with, build or run; no other file names versions."""

ARGO = ("3.7.18", "4.0.7")  # one version of each major version of Argo for which manifests must be valid
KUBERNETES = "1.34.4"  # the last minor version whose defaults work with cgroup v1 and containerd 1.6
KUBERNETES_MODULES = "0" + KUBERNETES[1:]  # the version of Kubernetes' Go modules, such as k8s.io/apimachinery
ETCD = "3.6.5"  # the versions of etcd, CoreDNS and pause are those that kubeadm of KUBERNETES requires
COREDNS = "1.12.1"
PAUSE = "3.10.1"
CRI_TOOLS = "1.30.0"  # crictl; the last version that is both in Go's module proxy and in its checksum database
KIND = "0.30.0"
ROBFIG_CRON = "3.0.1"  # the version of the cron library that both versions of Argo use
VERSITYGW = "1.8.0"  # the S3 gateway that serves a directory
ASL_VALIDATOR = "4.0.0"  # the npm package `asl-validator`, which includes the evaluator of JSONata
JSONATA = "2.1.0"
AXE = "4.14.1"  # the npm package `axe-core`, which checks the accessibility of pages
MERMAID = "12.3.0"  # the npm package `mermaid`, which reads flowcharts
