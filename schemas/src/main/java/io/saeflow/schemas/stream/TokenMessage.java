// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

/** What the tokens topic carries: batches, and the end of them. */
public sealed interface TokenMessage extends StreamMessage permits TokenBatch, EndOfStream {}
