// Owns: the error classes that callers of this package catch. Knows no transport.
// Every one carries a stable `code`; a sentence for people is the page's business.

/** The server answered a WebSocket request with `error`. */
export class RequestError extends Error {
  constructor({ code = "internal", message = code, retry_after_ms, ...details } = {}) {
    super(message);
    this.name = "RequestError";
    this.code = code;
    this.retryAfterMs = retry_after_ms;
    this.details = details;
  }
}

/** A REST call failed. `status` is 0 when the server could not be reached (`code` is then `network`). */
export class ApiError extends Error {
  constructor(status, code, message, body) {
    super(message ?? code);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.body = body;
  }
}

/**
 * The request's fate is unknown: its session ended (or a volatile request met a drop) before the answer came.
 * `connection_lost`: ask again if it still matters. `closed`: the client was closed.
 */
export class ConnectionError extends Error {
  constructor(code = "connection_lost") {
    super(code);
    this.name = "ConnectionError";
    this.code = code;
  }
}
