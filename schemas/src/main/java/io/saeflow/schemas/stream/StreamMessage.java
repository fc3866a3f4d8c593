// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

/** Anything a stage sends to the next. */
public sealed interface StreamMessage permits TokenMessage, ActivationMessage, LatentMessage {
  /** The run it belongs to. */
  String run();

  /** Its number among the messages of the tokens topic, from 0; it is keyed by it. */
  long number();
}
