"""The environment that servers and clients are given."""

from __future__ import annotations

import os


def without(*prefixes: str) -> dict[str, str]:
    """The environment, less what is meant for other servers and clients, and past every proxy."""
    refused = (*prefixes, "AWS_", "MLFLOW_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(refused)}
    return kept | past_proxies()


def past_proxies() -> dict[str, str]:
    """What keeps calls to this machine off a proxy that is set for others; nothing where none is set."""
    lower = {name.lower(): value for name, value in os.environ.items()}
    if not {"http_proxy", "https_proxy", "all_proxy"} & set(lower):
        return {}
    hosts = [*filter(None, lower.get("no_proxy", "").split(",")), "127.0.0.1", "localhost"]
    listed = ",".join(dict.fromkeys(hosts))
    return {"NO_PROXY": listed, "no_proxy": listed}
