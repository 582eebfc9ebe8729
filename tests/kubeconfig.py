"""A kubeconfig whose cluster does not answer."""

from __future__ import annotations

KUBECONFIG = """
    apiVersion: v1
    kind: Config
    current-context: here
    contexts:
    - name: here
      context: {cluster: here, user: me, namespace: mine}
    clusters:
    - name: here
      cluster: {server: "http://127.0.0.1:1"}
    users:
    - name: me
      user: {token: secret}
    """
