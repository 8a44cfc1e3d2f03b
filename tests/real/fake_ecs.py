"""An ECS that remembers some stopped tasks, over HTTP; it can be slow, hung or silent, and keeps what it was asked."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ACCOUNT = "111122223333"
REGION = "eu-west-1"

TASKS = [
    ("9f2c41d07ab84e5f9d3c2b1a60f7e8d9", "prod", "web-api", 60, "Essential container in task exited", 137),
    ("77ab00d07ab84e5f9d3c2b1a60f7e8d9", "prod", "worker", 240, "Scaling activity initiated by (deployment ecs-svc/1)", 143),
    ("41c7be0a7ab84e5f9d3c2b1a60f7e8d9", "dev", "web-api", 300, "Essential container in task exited", 1),
]


def arn(kind, *names):
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:{kind}/{'/'.join(names)}"


class FakeEcs:
    def __init__(self, tasks=TASKS, delay=0.0):
        self.tasks, self.delay, self.asked = list(tasks), delay, []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])) or b"{}")
                action = self.headers["x-amz-target"].rsplit(".", 1)[1]
                fake.asked.append((action, body))
                time.sleep(fake.delay)
                answer = json.dumps(fake.answer(action, body)).encode()
                self.send_response(200)
                self.send_header("content-type", "application/x-amz-json-1.1")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        # Who asked may be gone before a slow answer.
        self.server.handle_error = lambda *_: None
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, action, body):
        cluster = body.get("cluster", "default").rsplit("/", 1)[-1]
        if action == "ListClusters":
            return {"clusterArns": sorted({arn("cluster", of) for _, of, *_ in self.tasks})}
        if action == "ListServices":
            return {"serviceArns": sorted({arn("service", of, service) for _, of, service, *_ in self.tasks if of == cluster})}
        if action == "ListTasks":
            stopped = body.get("desiredStatus") == "STOPPED"
            return {"taskArns": [arn("task", of, id) for id, of, *_ in self.tasks if of == cluster and stopped]}
        if action == "DescribeTasks":
            wanted = {id.rsplit("/", 1)[-1] for id in body["tasks"]}
            found = [task for task in self.tasks if task[0] in wanted and task[1] == cluster]
            return {"tasks": [self.described(*task) for task in found], "failures": [] if found else [{"reason": "MISSING"}]}
        return {}

    @staticmethod
    def described(id, cluster, service, ago, reason, code):
        now = time.time()
        return {
            "taskArn": arn("task", cluster, id), "clusterArn": arn("cluster", cluster), "taskDefinitionArn": arn("task-definition", f"{service}:42"),
            "group": f"service:{service}", "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stopCode": "EssentialContainerExited", "stoppedReason": reason,
            "createdAt": now - ago - 600, "startedAt": now - ago - 590, "stoppingAt": now - ago - 2, "stoppedAt": now - ago,
            "containers": [{"name": "app", "exitCode": code, "lastStatus": "STOPPED"}],
        }
