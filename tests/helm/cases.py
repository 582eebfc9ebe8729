"""Values for the chart that several tests use."""

from __future__ import annotations

from typing import Any

Values = dict[str, Any]

EVERYTHING: Values = {
    "image": {
        "repository": "registry.example:5000/team/flows",
        "digest": f"sha256:{'0123456789abcdef' * 4}",
        "pullSecrets": ["registry"],
    },
    "serviceAccount": {"name": "runner", "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/flows"}},
    "deployers": [
        {"kind": "User", "name": "ada@example.com"},
        {"kind": "Group", "name": "data:science"},
        {"kind": "ServiceAccount", "name": "ci", "namespace": "ci"},
        {"kind": "ServiceAccount", "name": "here"},
    ],
    "store": {
        "url": "s3://bucket/team/flows",
        "create": True,
        "endpoint": "http://s3.storage.svc:7070",
        "region": "eu-west-1",
        "allowHttp": True,
        "accessKeyId": "0123",
        "secretAccessKey": 'quote"colon:hash#brace{{',
    },
    "defaultRequests": {"enabled": True},
    "quota": {"enabled": True, "hard": {"pods": "50", "requests.cpu": "20", "requests.memory": "64Gi"}},
    "networkPolicy": {
        "enabled": True,
        "apiServer": {"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]},
        "store": {
            "to": [
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "storage"}},
                    "podSelector": {"matchLabels": {"app": "s3"}},
                }
            ],
            "ports": [7070],
        },
        "extra": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}}], "ports": [443]}],
    },
    "test": {"timeoutSeconds": 60},
}

UI: Values = {
    "enabled": True,
    "image": {"repository": "registry.example/flowc-ui", "tag": "1e3"},
    "tokenSecret": "page-token",
    "publicUrl": "https://flows.example.org/team/runs/",
    "serviceAccountAnnotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/read"},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "tlsSecret": "flows-tls",
        "annotations": {"nginx.ingress.kubernetes.io/proxy-buffering": "off"},
    },
}

CASES: dict[str, Values] = {
    "default": {},
    "everything": EVERYTHING,
    "existing": {  # the user names existing objects instead of letting the chart create them
        "serviceAccount": {"create": False, "name": "argo"},
        "store": {"url": "s3://bucket", "existingSecret": "bucket-keys"},
    },
    "cloud-identity": {"store": {"url": "s3://bucket/flows/", "create": True, "region": "us-west-2"}},
    "ui": {
        "serviceAccount": {"create": False, "name": "argo"},
        "store": {"url": "s3://bucket", "existingSecret": "bucket-keys"},
        "ui": UI,
    },
}
