"""Versions of everything that the tests compare with, build, or create a cluster from; no other file names one."""

ARGO = ("3.7.18", "4.0.7")  # one of each major version for which manifests must be valid
KUBERNETES = "1.34.4"  # the last line that runs on cgroup v1 by default and with containerd 1.6
KUBERNETES_MODULES = "0" + KUBERNETES[1:]  # the version of Kubernetes' libraries, such as k8s.io/apimachinery
ETCD = "3.6.5"  # kubeadm of KUBERNETES requires this version, and those of CoreDNS and pause below
COREDNS = "1.12.1"
PAUSE = "3.10.1"
CRI_TOOLS = "1.30.0"  # crictl: the last version in both the module proxy and the checksum database
KIND = "0.30.0"
ROBFIG_CRON = "3.0.1"  # the cron library inside Argo's controller, both versions
VERSITYGW = "1.8.0"  # an S3 gateway on a directory
ASL_VALIDATOR = "4.0.0"  # the npm package, which brings the evaluator of JSONata that it checks with
JSONATA = "2.1.0"
MERMAID = "12.3.0"  # the npm package, which reads flowcharts
