"""Checks recorded frames (see record.py) against the MCP schema of a version: validate_frames.py FILE VERSION.

The official SDK carries one set of wire types per schema. A body must parse, and must still be the
same after a round trip through them: a key that the schema of this version does not know is lost on
the way and so found. Prints how many messages of the server were checked.
"""

import json
import sys

from mcp_types import methods


def strip_nulls(value):
    if isinstance(value, dict):
        return {key: strip_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [strip_nulls(item) for item in value]
    return value


def unknown_keys(sent, known, path):
    """The keys of `sent` that the schema's own rendering of it lacks."""
    if isinstance(sent, dict) and isinstance(known, dict):
        for key, value in sent.items():
            if key not in known:
                yield f"{path}.{key}"
            else:
                yield from unknown_keys(value, known[key], f"{path}.{key}")
    elif isinstance(sent, list) and isinstance(known, list):
        for index, (one, other) in enumerate(zip(sent, known)):
            yield from unknown_keys(one, other, f"{path}[{index}]")


def main():
    path, version = sys.argv[1:]
    asked = {}
    checked = 0
    with open(path, encoding="utf-8") as lines:
        frames = [json.loads(line) for line in lines]
    for record in frames:
        frame = record["frame"]
        assert frame["jsonrpc"] == "2.0", frame
        if record["from"] == "client":
            if "method" in frame and "id" in frame:
                asked[json.dumps(frame["id"])] = frame["method"]
            continue
        checked += 1
        if "error" in frame:
            assert isinstance(frame["error"]["code"], int), frame
            assert isinstance(frame["error"]["message"], str), frame
        elif "result" in frame:
            method = asked[json.dumps(frame["id"])]
            sent = strip_nulls(frame["result"])
            known = methods.serialize_server_result(method, version, frame["result"])
            lost = list(unknown_keys(sent, known, method))
            assert not lost, f"{version} does not know {lost}"
        elif "id" in frame:
            methods.parse_server_request(frame["method"], version, frame.get("params"))
        else:
            methods.parse_server_notification(frame["method"], version, frame.get("params"))
    print(checked)


main()
