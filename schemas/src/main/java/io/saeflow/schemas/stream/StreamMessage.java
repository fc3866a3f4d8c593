// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

/** Anything a stage sends to the next. */
public sealed interface StreamMessage permits TokenMessage, ActivationMessage, LatentMessage {
  /** The run it belongs to. */
  String run();

  /** The batch number it is keyed by, from 0. */
  long number();
}
