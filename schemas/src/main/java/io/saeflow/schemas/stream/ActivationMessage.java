// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

/** What the activations topic carries: batches, and the end of them. */
public sealed interface ActivationMessage extends StreamMessage
    permits ActivationBatch, EndOfStream {}
