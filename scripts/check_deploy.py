"""Rules of our own for deploy/, which no schema knows: do its files fit one another, the binary and the settings?

Called by scripts/check-deploy.sh, which brings PyYAML. Changes nothing.

    check_deploy.py                                     prints what is wrong; fails if anything is
    check_deploy.py --queries OUT --prometheus OUT      writes what promtool is to parse
"""

import argparse
import json
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
DASHBOARD = DEPLOY / "grafana/dashboards/playhouse.json"
ADAPTER = DEPLOY / "kubernetes/prometheus-adapter.yaml"
# After the drain a node gives its lease back and closes its pools: two waits for Redis and the database, and some.
SLACK_S = 8

wrong = []


def must(holds, message):
    if not holds:
        wrong.append(message)


def read(path):
    return yaml.safe_load((DEPLOY / path).read_text())


def default_ms(section, setting):
    """The default of a setting, out of the tables in src/config, where a section is named by its type."""
    tables = "".join(path.read_text() for path in (ROOT / "src/config").glob("*.rs"))
    found = re.search(rf"\b{section} {{[^}}]*?\b{setting}: u64 = ([\d_]+)", tables)
    return int(found[1].replace("_", ""))


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", str(text))[1])


def longest_stop_s(drain_ms):
    """src/node.rs: entities get drain_ms, then sockets get it once more."""
    return 2 * drain_ms / 1000 + SLACK_S


# ---------------------------------------------------------------- Dockerfile


def check_dockerfile():
    text = (DEPLOY / "Dockerfile").read_text()
    cargo = (ROOT / "Cargo.toml").read_text()
    user = re.findall(r"^USER (\d+):\d+$", text, re.M)
    must(user and user[-1] != "0", "Dockerfile: the last USER must be a number other than 0")
    must(f'rust-version = "{re.search(r"^ARG RUST=(.+)$", text, re.M)[1]}"' in cargo, "Dockerfile: ARG RUST is not Cargo.toml's rust-version")
    binary = re.search(r"cargo build .*--bin (\S+)", text)[1]
    must(f'name = "{binary}"' in cargo, f"Dockerfile: Cargo.toml has no {binary}")
    entry = json.loads(re.search(r"^ENTRYPOINT (.+)$", text, re.M)[1])
    health = json.loads(re.search(r"^HEALTHCHECK .*CMD (.+)$", text, re.M)[1])
    for program in (entry[0], health[0]):
        must(re.search(rf"^COPY --from=build \S+ {program}$", text, re.M), f"Dockerfile: {program} is not in the image")
    must(re.search(rf"^    {health[1].capitalize()},$", (ROOT / "src/main.rs").read_text(), re.M), f"Dockerfile: the binary has no `{health[1]}`")
    ignored = (ROOT / ".dockerignore").read_text().split()
    must({"target", "data", ".git", "deploy/.env"} <= set(ignored), ".dockerignore: target, data, .git and deploy/.env must be in it")
    return int(user[-1]) if user else None


# ---------------------------------------------------------------- compose.yaml


def literal_secrets(value, path=""):
    """Texts that look like secrets and are not taken from the environment."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from literal_secrets(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from literal_secrets(inner, path)
    elif isinstance(value, str):
        names_one = re.search(r"(PASSWORD|SECRET|TOKEN)$", path) or re.search(r"secret=|://[^/@]*:[^/@]+@", value)
        if names_one and not re.search(r"\$\{\w+:\?", value):
            yield path


def check_compose():
    compose = read("compose.yaml")
    services = compose["services"]
    for path in literal_secrets(services):
        must(False, f"compose.yaml: {path} holds a secret")
    nodes = [name for name, service in services.items() if "build" in service]
    must(len(nodes) == 3, f"compose.yaml: {len(nodes)} nodes")
    for name in nodes:
        check_compose_node(name, services[name])
    for name, service in services.items():
        must("mem_limit" in service, f"compose.yaml: {name} has no mem_limit")
        must(service.get("privileged") is None and service.get("network_mode") is None, f"compose.yaml: {name} is not confined")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (DEPLOY / source).exists() if source.startswith(".") else source in compose["volumes"]
            must(there, f"compose.yaml: {name} mounts {source}, which is not there")
    targets = read("prometheus.yml")["scrape_configs"][0]["static_configs"][0]["targets"]
    must(sorted(targets) == sorted(f"{name}:9090" for name in nodes), f"prometheus.yml: scrapes {targets}, the nodes are {nodes}")
    for file in read("prometheus.yml")["rule_files"]:
        must(mounted(services["prometheus"], file), f"compose.yaml: prometheus has no {file}")
    check_grafana(services)
    check_coturn(services["coturn"], services[nodes[0]]["environment"])


def check_coturn(coturn, node):
    settings = dict(re.findall(r"^([a-z-]+)=(.+)$", (DEPLOY / "coturn/turnserver.conf").read_text(), re.M))
    relays = f"{settings['min-port']}-{settings['max-port']}"
    published = {f"{settings['listening-port']}:{settings['listening-port']}/udp", f"{relays}:{relays}/udp"}
    must(published <= set(coturn["ports"]), f"compose.yaml: coturn must publish {sorted(published)}")
    secret = next(word.split("=", 1)[1] for word in coturn["command"] if "static-auth-secret=" in word)
    must(node["PLAYHOUSE_TURN__SECRET"] == secret, "compose.yaml: the nodes' credentials are not coturn's")
    told = json.loads(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", node["PLAYHOUSE_TURN__URLS"]))
    must(all(url.endswith(f":{settings['listening-port']}") for url in told), f"compose.yaml: players are told of {told}")
    must("static-auth-secret" not in settings, "turnserver.conf holds a secret")


def check_compose_node(name, node):
    drain = int(node["environment"].get("PLAYHOUSE_SERVER__DRAIN_MS", default_ms("Server", "drain_ms")))
    must(seconds(node["stop_grace_period"]) >= longest_stop_s(drain), f"compose.yaml: {name} may be killed while it drains")
    must(drain > default_ms("ClusterSection", "moving_ms"), f"compose.yaml: {name}'s players have no time to leave")
    must(node.get("read_only") and node.get("cap_drop") == ["ALL"], f"compose.yaml: {name} must be read_only and without capabilities")
    must(node["environment"]["PLAYHOUSE_NODE__ID"] == name, f"compose.yaml: {name} goes by another name")
    environment = node["environment"]
    media = environment["PLAYHOUSE_MEDIA__UDP_PORT"]
    must(len(node["ports"]) == 3, f"compose.yaml: {name} publishes more than the players' ports")
    must(str(node["ports"][0]).endswith(":8080"), f"compose.yaml: {name} does not publish the players' port")
    must(str(node["ports"][1]).endswith(":7777"), f"compose.yaml: {name} does not publish the port for packets")
    must(node["ports"][2] == f"{media}:{media}/udp", f"compose.yaml: {name} tells players of another media port than it publishes")
    must("PLAYHOUSE_AUTH__KEY_SECRET" in environment, f"compose.yaml: {name} keeps its signing keys in clear")
    must(environment["PLAYHOUSE_NODE__ADDRESS"].endswith(str(node["ports"][0]).split(":")[0]), f"compose.yaml: {name} is elsewhere")


def mounted(service, path):
    """The file of ours that a container sees at this path."""
    for volume in service["volumes"]:
        source, target = volume.split(":")[:2]
        if path == target or path.startswith(target + "/"):
            file = DEPLOY / source / path[len(target) :].lstrip("/") if path != target else DEPLOY / source
            return file if file.exists() else None
    return None


def check_grafana(services):
    grafana = services["grafana"]
    must(mounted(grafana, "/etc/grafana/provisioning/dashboards/playhouse.yaml"), "grafana: no provider of dashboards")
    must(mounted(grafana, "/etc/grafana/provisioning/datasources/prometheus.yaml"), "grafana: no data source")
    provider = read("grafana/provisioning/dashboards/playhouse.yaml")["providers"][0]
    must(mounted(grafana, provider["options"]["path"] + "/playhouse.json"), "grafana: the provider's path is not where the dashboards are")
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    must(mounted(grafana, home), f"grafana: {home} is not there")
    source = read("grafana/provisioning/datasources/prometheus.yaml")["datasources"][0]
    must(source["url"].split("/")[2].split(":")[0] in services, f"grafana: nobody is at {source['url']}")
    panels = json.loads(DASHBOARD.read_text())["panels"]
    must(len({panel["id"] for panel in panels}) == len(panels), "dashboard: two panels have one id")
    for panel in panels:
        must(panel["datasource"]["uid"] == source["uid"], f"dashboard: {panel['title']} asks another data source")


# ---------------------------------------------------------------- Kubernetes


def check_kubernetes(image_user):
    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes/playhouse.yaml").read_text()))
    kinds = {document["kind"]: document for document in documents}
    expected = {"ServiceAccount", "Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget", "HorizontalPodAutoscaler"}
    must(set(kinds) == expected, f"kubernetes: {sorted(kinds)}")
    template = kinds["Deployment"]["spec"]["template"]
    labels, pod = template["metadata"]["labels"], template["spec"]
    container = pod["containers"][0]
    ports = {port["name"] for port in container["ports"]}
    selectors = [
        kinds["Deployment"]["spec"]["selector"]["matchLabels"],
        kinds["Service"]["spec"]["selector"],
        kinds["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ]
    must(all(selector == labels for selector in selectors), "kubernetes: a selector does not find the pods")
    named = [port["targetPort"] for port in kinds["Service"]["spec"]["ports"]]
    named += [port["port"] for rule in kinds["NetworkPolicy"]["spec"]["ingress"] for port in rule["ports"] if port.get("protocol") != "UDP"]
    must(set(named) <= ports, f"kubernetes: ports {named}, the container has {sorted(ports)}")
    must("admin" not in [port["targetPort"] for port in kinds["Service"]["spec"]["ports"]], "kubernetes: the service shows the operators' port")
    check_confinement(pod, container, image_user)
    check_secrets(container)
    check_probes(container)
    check_media(kinds)
    check_stop(pod, container)
    check_autoscaler(kinds)


def check_confinement(pod, container, image_user):
    security = pod["securityContext"]
    must(security.get("runAsNonRoot") and security.get("runAsUser") == image_user, "kubernetes: the user is not the image's")
    must(security.get("seccompProfile") == {"type": "RuntimeDefault"}, "kubernetes: no seccomp profile")
    inner = container["securityContext"]
    must(inner.get("readOnlyRootFilesystem") and inner.get("allowPrivilegeEscalation") is False, "kubernetes: the container may write or rise")
    must(inner.get("capabilities") == {"drop": ["ALL"]}, "kubernetes: capabilities are left")
    must(pod.get("automountServiceAccountToken") is False and pod.get("enableServiceLinks") is False, "kubernetes: the pod is told of the cluster")
    must("memory" in container["resources"]["limits"] and {"cpu", "memory"} <= set(container["resources"]["requests"]), "kubernetes: resources")
    must(":" in container["image"] and not container["image"].endswith(":latest"), "kubernetes: which image?")
    for entry in container["env"]:
        if entry["name"].endswith(("__URL", "SECRET")):
            must("secretKeyRef" in entry.get("valueFrom", {}), f"kubernetes: {entry['name']} is not from a secret")


def check_secrets(container):
    env = {entry["name"]: entry for entry in container["env"]}
    sealed = env.get("PLAYHOUSE_AUTH__KEY_SECRET", {}).get("valueFrom", {}).get("secretKeyRef", {})
    must(sealed and not sealed.get("optional"), "kubernetes: signing keys may lie in the database in clear")


def check_media(kinds):
    patch = read("kubernetes/media.yaml")["spec"]["template"]["spec"]
    container = patch["containers"][0]
    port = container["ports"][0]
    env = {entry["name"]: entry for entry in container["env"]}
    must(container["name"] == kinds["Deployment"]["spec"]["template"]["spec"]["containers"][0]["name"], "media.yaml: patches nothing")
    must(port["hostPort"] == port["containerPort"] == int(env["PLAYHOUSE_MEDIA__UDP_PORT"]["value"]), "media.yaml: players are told of another port")
    allowed = kinds["NetworkPolicy"]["spec"]["ingress"][0]["ports"]
    must({"port": port["containerPort"], "protocol": "UDP"} in allowed, "kubernetes: the network policy stops media")


def check_probes(container):
    routes = (ROOT / "src/http/admin.rs").read_text()
    for kind, path in {"livenessProbe": "/healthz", "readinessProbe": "/readyz", "startupProbe": "/healthz"}.items():
        probe = container[kind]["httpGet"]
        must(probe == {"path": path, "port": "admin"}, f"kubernetes: {kind} asks {probe}")
        must(f'"{path}"' in routes, f"kubernetes: the node has no {path}")
    longest = default_ms("Database", "timeout_ms") / 1000
    must(container["readinessProbe"]["timeoutSeconds"] > longest, "kubernetes: readiness gives up before database.timeout_ms")


def check_stop(pod, container):
    env = {entry["name"]: entry.get("value") for entry in container["env"]}
    drain = int(env.get("PLAYHOUSE_SERVER__DRAIN_MS") or default_ms("Server", "drain_ms"))
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    readiness = container["readinessProbe"]
    must(before >= readiness["periodSeconds"] * readiness["failureThreshold"], "kubernetes: preStop is shorter than readiness takes to tell")
    must(pod["terminationGracePeriodSeconds"] >= before + longest_stop_s(drain), "kubernetes: the pod may be killed while it drains")
    must(drain > default_ms("ClusterSection", "moving_ms"), "kubernetes: players have no time to leave")


def check_autoscaler(kinds):
    deployment, scaler = kinds["Deployment"], kinds["HorizontalPodAutoscaler"]["spec"]
    must(scaler["scaleTargetRef"]["name"] == deployment["metadata"]["name"], "kubernetes: the autoscaler scales something else")
    must("replicas" not in deployment["spec"], "kubernetes: replicas are the autoscaler's")
    must(scaler["minReplicas"] >= 2, "kubernetes: a node alone has nobody to hand its rooms to")
    served = {rule["name"]["as"] for rule in yaml.safe_load(ADAPTER.read_text())["rules"]["custom"]}
    wanted = {metric["pods"]["metric"]["name"] for metric in scaler["metrics"]}
    must(wanted <= served, f"kubernetes: the autoscaler wants {wanted}, the adapter serves {served}")
    scraped = read("kubernetes/prometheus.yml")["scrape_configs"][0]
    must(scraped["kubernetes_sd_configs"] == [{"role": "pod"}], "kubernetes/prometheus.yml: pods are to be discovered")
    made = {config.get("target_label") for config in scraped["relabel_configs"]}
    must({"namespace", "pod"} <= made, "kubernetes/prometheus.yml: the adapter needs the labels namespace and pod")


# ---------------------------------------------------------------- for promtool


def write_queries(out):
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    for rule in yaml.safe_load(ADAPTER.read_text())["rules"]["custom"]:
        query = rule["metricsQuery"].replace("<<.Series>>", rule["name"]["as"])
        query = query.replace("<<.LabelMatchers>>", 'namespace="a",pod=~"b|c"').replace("<<.GroupBy>>", "pod")
        queries += [rule["seriesQuery"], query]
    rules = [{"record": f"query:{n}", "expr": query} for n, query in enumerate(queries)]
    Path(out).write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))


def write_prometheus(out):
    """kubernetes/prometheus.yml without the discovery, which Debian's promtool is built without."""
    config = read("kubernetes/prometheus.yml")
    for scrape in config["scrape_configs"]:
        del scrape["kubernetes_sd_configs"]
    Path(out).write_text(yaml.safe_dump(config))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--queries")
    parser.add_argument("--prometheus")
    arguments = parser.parse_args()
    if arguments.queries:
        write_queries(arguments.queries)
        write_prometheus(arguments.prometheus)
        return
    image_user = check_dockerfile()
    check_compose()
    check_kubernetes(image_user)
    for message in wrong:
        print(message)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
