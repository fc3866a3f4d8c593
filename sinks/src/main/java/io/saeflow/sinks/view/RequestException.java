// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

/** A request that is answered with an error; the message goes to the client. */
final class RequestException extends Exception {
  private final int status;

  RequestException(int status, String message) {
    super(message);
    this.status = status;
  }

  static RequestException badRequest(String message) {
    return new RequestException(400, message);
  }

  static RequestException notFound(String message) {
    return new RequestException(404, message);
  }

  int status() {
    return status;
  }
}
