"""A StopTask made by the real AWS CLI is found with its caller; tasks that lack most fields are normal input."""

import json
import time

from conftest import REGION


def run_a_task(cloud, family, log_group=None):
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName="prod")
    container = {"name": "app", "image": "busybox", "memory": 64, "essential": True}
    if log_group:
        container["logConfiguration"] = {"logDriver": "awslogs", "options": {"awslogs-group": log_group, "awslogs-region": REGION, "awslogs-stream-prefix": "web"}}
    ecs.register_task_definition(family=family, containerDefinitions=[container])
    return ecs


def test_who_stopped_names_the_caller_of_the_aws_cli(ministack):
    ecs = run_a_task(ministack, "web")
    task, decoy = (ecs.run_task(cluster="prod", taskDefinition="web", count=1)["tasks"][0]["taskArn"] for _ in range(2))
    ministack.aws("ecs", "stop-task", "--cluster", "prod", "--task", decoy.split("/")[-1], "--reason", "not this one")
    ministack.aws("ecs", "stop-task", "--cluster", "prod", "--task", task.split("/")[-1], "--reason", "stuck, INC-1")
    event = None
    for _ in range(20):
        ran = ministack.ecs_trace("who-stopped", task, "-o", "json", "-v")
        document = json.loads(ran.stdout)
        if document["stoppedBy"]["status"] == "found":
            event = document["stoppedBy"]
            break
        time.sleep(0.5)
    assert event, f"{ran.stdout}\n{ran.stderr}"
    assert ran.returncode == 0
    assert event["call"] == "StopTask"
    assert event["reason"] == "stuck, INC-1"
    assert event["tool"].startswith("aws-cli")
    recorded = ministack.client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "StopTask"}])["Events"]
    mine = [r for r in (json.loads(e["CloudTrailEvent"]) for e in recorded) if r["requestParameters"].get("reason") == "stuck, INC-1"]
    assert [r["eventID"] for r in mine] == [event["eventId"]]
    assert event["actor"] == mine[0]["userIdentity"].get("userName", event["actor"])


def test_the_task_is_found_by_its_bare_id_too(ministack):
    ecs = run_a_task(ministack, "web")
    task = ecs.run_task(cluster="prod", taskDefinition="web", count=1)["tasks"][0]["taskArn"]
    ministack.aws("ecs", "stop-task", "--cluster", "prod", "--task", task)
    ran = ministack.ecs_trace("timeline", task.split("/")[-1], "-o", "json")
    assert ran.returncode in (0, 3), ran.stderr
    document = json.loads(ran.stdout)
    assert document["task"]["arn"] == task
    assert document["verdict"]["cause"] in ("stop-requested", "unknown")


def stopped_moto_task(moto, family, log_group=None):
    ecs = run_a_task(moto, family, log_group)
    if not ecs.list_container_instances(cluster="prod")["containerInstanceArns"]:
        image = moto.client("ec2").describe_images()["Images"][0]["ImageId"]
        instance = moto.client("ec2").run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        document = {"ami-id": image, "instanceId": instance, "region": REGION, "accountId": "123456789012", "instanceType": "t3.micro"}
        ecs.register_container_instance(cluster="prod", instanceIdentityDocument=json.dumps(document))
    task = ecs.run_task(cluster="prod", taskDefinition=family, count=1)["tasks"][0]["taskArn"]
    ecs.stop_task(cluster="prod", task=task, reason="done")
    return task


def test_a_stopped_task_that_lacks_most_fields_is_told_as_far_as_it_goes(moto):
    task = stopped_moto_task(moto, "bare")
    ran = moto.ecs_trace("timeline", task, "-o", "json", "--timeout", "15s")
    assert ran.returncode in (0, 3), ran.stderr
    assert "panicked" not in ran.stderr
    document = json.loads(ran.stdout)
    assert document["task"]["arn"] == task
    assert document["stoppedBy"]["status"] != "found"
    text = moto.ecs_trace("timeline", task, "--timeout", "15s")
    assert "done" in text.stdout


def test_log_events_come_from_the_definitions_own_group_and_stream(moto):
    logs = moto.client("logs")
    logs.create_log_group(logGroupName="/ecs/web")
    task = stopped_moto_task(moto, "logged", "/ecs/web")
    stream = f"web/app/{task.split('/')[-1]}"
    logs.create_log_stream(logGroupName="/ecs/web", logStreamName=stream)
    now = int(time.time() * 1000)
    lines = ["listening on 8080", "Traceback (most recent call last):", '  File "/app/x.py", line 3, in run', "ValueError: no such table"]
    logs.put_log_events(logGroupName="/ecs/web", logStreamName=stream, logEvents=[{"timestamp": now - 2000 + i, "message": m} for i, m in enumerate(lines)])
    ran = moto.ecs_trace("logs", task, "-o", "json", "--timeout", "15s")
    document = json.loads(ran.stdout)
    told = [line["text"] for line in document["timeline"] if line["witness"] == "logs"]
    assert told == ["listening on 8080", "ValueError: no such table (+2 lines)"], ran.stdout
    assert ran.returncode == 0


def test_an_unknown_task_is_4(moto):
    ran = moto.ecs_trace("timeline", "00000000000000000000000000000001", "--timeout", "10s")
    assert ran.returncode in (4, 255), ran.stderr
    assert ran.stdout == ""


def test_a_bundle_of_ones_own_is_believed_and_without_it_the_certificate_is_not(moto_over_tls):
    ran = moto_over_tls.ecs_trace("timeline", "00000000000000000000000000000001", "--cluster", "nosuch", "--timeout", "10s")
    assert ran.returncode == 4 and "no cluster `nosuch`" in ran.stderr, ran.stderr
    del moto_over_tls.env["AWS_CA_BUNDLE"]
    ran = moto_over_tls.ecs_trace("timeline", "00000000000000000000000000000001", "--cluster", "nosuch", "--timeout", "10s")
    assert ran.returncode == 255 and "certificate" in ran.stderr.lower(), ran.stderr
