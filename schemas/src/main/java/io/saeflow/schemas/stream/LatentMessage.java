// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

/** What the latents topic carries: batches, and the end of them. */
public sealed interface LatentMessage extends StreamMessage permits LatentBatch, EndOfStream {}
