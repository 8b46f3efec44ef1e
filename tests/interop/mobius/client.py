"""The same journey by the Python SDK, whose models take no field they do not know."""
import json
import sys
import time

from deepnoodle.mobius import Client, ClientOptions
from deepnoodle.mobius._api import models


def until_some(read):
    """Pages follow what was decided by a moment."""
    end = time.monotonic() + 20
    page = read()
    while not page.items and time.monotonic() < end:
        page = read()
    return page


def main():
    options = json.loads(sys.argv[1])
    client = Client(ClientOptions(api_key=options["key"], base_url=options["url"],
                                  project="platform"))

    def read(model, method, path, **more):
        return model.model_validate(client._request(method, path, **more).json())

    base = "/v1/projects/{project}"
    loop = read(models.Loop, "POST", base + "/loops", json=options["loop"])
    loop = client.get_loop(loop.id)
    run = read(models.LoopRun, "POST", base + f"/loops/{loop.id}/runs",
               json={"event": {"issue_id": "42"}, "source": {"type": "api"}})
    seen = [event.event_type for event in client.watch_run(run.id)]
    last = client.get_run(run.id)
    read(models.LoopRunListResponse, "GET", base + "/runs")
    read(models.LoopListResponse, "GET", base + "/loops")
    steps = read(models.LoopRunStepListResponse, "GET", base + f"/runs/{run.id}/steps")
    page = read(models.LoopRunEventListResponse, "GET", base + f"/runs/{run.id}/events")
    read(models.RoleListResponse, "GET", base + "/roles")
    read(models.PermissionCatalogResponse, "GET", base + "/permissions")
    read(models.Project, "GET", base)
    read(models.ProjectListResponse, "GET", "/v1/projects")
    read(models.ProjectCapabilities, "GET", base + "/capabilities")
    read(models.ActionCatalogListResponse, "GET", base + "/catalog/actions")
    read(models.EventCatalogResponse, "GET", base + "/catalog/events")
    hook = read(models.Webhook, "POST", base + "/webhooks",
                json={"name": "ours", "events": ["run.*"], "tags": {"team": "a"}})
    read(models.PingWebhookResult, "POST", base + f"/webhooks/{hook.id}/ping",
         json={"url": "http://127.0.0.1:1/"})
    read(models.Webhook, "PATCH", base + f"/webhooks/{hook.id}", json={"enabled": False})
    read(models.Webhook, "POST", base + f"/webhooks/{hook.id}/secret/rotate")
    read(models.WebhookListResponse, "GET", base + "/webhooks")
    read(models.WebhookDeliveryListResponse, "GET", base + f"/webhooks/{hook.id}/deliveries")
    read(models.WorkerModelCatalogListResponse, "GET", base + "/catalog/worker-models")
    roles = {role.name: role.id for role in
             read(models.RoleListResponse, "GET", base + "/roles").items}
    principal = read(models.Principal, "POST", base + "/principals",
                     json={"name": "ci", "role_ids": [roles["Worker"]]})
    made = read(models.APIKeyCreateResult, "POST", base + "/api-keys",
                json={"name": "ci", "principal_id": principal.id})
    read(models.APIKeyListResponse, "GET", base + "/api-keys")
    read(models.APIKey, "GET", base + f"/api-keys/{made.id}")
    read(models.PrincipalListResponse, "GET", base + "/principals")
    invoked = read(models.ActionInvocationResult, "POST", base + "/actions/print/invoke",
                   json={"input": {"message": "directly"}})
    listed = until_some(lambda: read(models.ActionInvocationListResponse, "GET",
                                     base + "/action-invocations"))
    asked = read(models.Interaction, "POST", base + "/interactions", json={
        "target_user_ids": ["usr_1"], "kind": "request_approval", "title": "Ship it?",
        "spec": {"mode": "confirm"}, "context": {"pull": 7}, "tags": {"team": "crm"},
        "references": [], "expires_at": "2100-01-01T00:00:00Z"})
    until_some(lambda: read(models.InteractionListResponse, "GET", base + "/interactions"))
    read(models.Interaction, "POST", base + f"/interactions/{asked.id}/respond",
         json={"action": "submit", "value": True, "comment": "yes"})
    print(json.dumps({"invoked": [invoked.status, invoked.output, len(listed.items)],
                      "loop": loop.id, "run": run.id, "seen": seen,
                      "status": last.status, "result": last.result,
                      "steps": [step.status for step in steps.items],
                      "events": len(page.items), "key": made.key, "key_id": made.id}))


main()
