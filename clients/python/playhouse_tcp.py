"""A client of Playhouse's packets over TCP (docs/protocol.md): standard library alone.

python3 playhouse_tcp.py HOST PORT [TOKEN] [CA.pem]   an empty token is a guest; with CA.pem the socket is TLS
"""
import json, socket, ssl, struct, sys, time, uuid

CONNECT_REQ, CONNECT_RES, PING_REQ, PONG_RES = 0x0001, 0x0002, 0x0003, 0x0004
REQUEST, MESSAGE, MESSAGE_PART, CLOSE = 0x0010, 0x0011, 0x0012, 0x00FF


def packet(id, payload):
    return struct.pack("<HH", 4 + len(payload), id) + payload


def pack(v):
    """MessagePack of what JSON can say."""
    if v is None or isinstance(v, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[v]
    if isinstance(v, int):
        return struct.pack(">BQ", 0xCF, v) if v >= 0 else struct.pack(">Bq", 0xD3, v)
    if isinstance(v, float):
        return struct.pack(">Bd", 0xCB, v)
    if isinstance(v, str):
        return struct.pack(">BI", 0xDB, len(v.encode())) + v.encode()
    if isinstance(v, list):
        return struct.pack(">BI", 0xDD, len(v)) + b"".join(map(pack, v))
    return struct.pack(">BI", 0xDF, len(v)) + b"".join(pack(k) + pack(x) for k, x in v.items())


def unpack(b, i=0):
    """A value and where it ends."""
    t, i = b[i], i + 1
    if t < 0x80 or t >= 0xE0:
        return (t if t < 0x80 else t - 256), i
    if t in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[t], i
    for first, form in {0xCA: "fd", 0xCC: "BHIQ", 0xD0: "bhiq"}.items():
        if first <= t < first + len(form):
            form = ">" + form[t - first]
            return struct.unpack_from(form, b, i)[0], i + struct.calcsize(form)
    long = {0xD9: "B", 0xDA: "H", 0xDB: "I", 0xDC: "H", 0xDD: "I", 0xDE: "H", 0xDF: "I"}.get(t)
    n = struct.unpack_from(">" + long, b, i)[0] if long else t & (0x1F if 0xA0 <= t < 0xC0 else 0x0F)
    i += struct.calcsize(">" + long) if long else 0
    if 0xA0 <= t < 0xC0 or 0xD9 <= t <= 0xDB:
        return b[i:i + n].decode(), i + n
    out = []
    for _ in range(n * 2 if t < 0x90 or t >= 0xDE else n):
        v, i = unpack(b, i)
        out.append(v)
    return (dict(zip(out[::2], out[1::2])) if t < 0x90 or t >= 0xDE else out), i


class Client:
    def __init__(self, host, port, token="", ca=None):
        self.sock, self.ids = socket.create_connection((host, port), timeout=20), 0
        if ca:
            self.sock = ssl.create_default_context(cafile=ca).wrap_socket(self.sock, server_hostname="localhost")
        self.sock.sendall(packet(CONNECT_REQ, struct.pack("<HH", 1, len(token)) + token.encode()))
        id, payload = self.read()
        result, session, self.server_time = struct.unpack("<H16sQ", payload)
        assert (id, result) == (CONNECT_RES, 0), f"refused: {result}"
        self.session = uuid.UUID(bytes=session)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise EOFError("the server has closed")
            data += more
        return data

    def read(self):
        size, id = struct.unpack("<HH", self.exactly(4))
        return id, self.exactly(size - 4)

    def ping(self, seq):
        self.sock.sendall(packet(PING_REQ, struct.pack("<QI", int(time.time() * 1000), seq)))

    def request(self, type, payload=None):
        self.ids += 1
        self.sock.sendall(packet(REQUEST, pack({"id": self.ids, "type": type, "payload": payload or {}})))
        return self.ids

    def next(self):
        """The next message, or ("pong", …), or the close."""
        parts = b""
        while True:
            id, payload = self.read()
            if id == PONG_RES:
                return "pong", struct.unpack("<QQI", payload)
            if id == CLOSE:
                return "close", (struct.unpack_from("<H", payload)[0], payload[2:].decode())
            parts += payload[1:] if id == MESSAGE_PART else payload
            if id != MESSAGE_PART or payload[0]:
                return "message", unpack(parts)[0]

    def until(self, wanted):
        while True:
            kind, value = self.next()
            if wanted(kind, value):
                return value


def main(host, port, token="", ca=None):
    client = Client(host, int(port), token, ca)
    welcome = client.until(lambda kind, m: kind == "message" and m["type"] == "session.welcome")
    client.ping(7)
    pong = client.until(lambda kind, _: kind == "pong")
    asked = client.request("room.create", {"name": "파이썬", "settings": {"media": False}})
    made = client.until(lambda kind, m: kind == "message" and m.get("re") == asked)
    print(json.dumps({"session": str(client.session), "welcome": welcome["payload"], "pong": pong, "made": made}))


if __name__ == "__main__":
    main(*sys.argv[1:])
