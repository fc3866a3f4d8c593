// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

/**
 * Says that a bounded run has no more batches than these, and travels through every stage like one.
 *
 * <p>Partitions are not ordered against each other, so it may overtake batches: a reader is done
 * when it has seen {@link #batches()} of them, not when it sees this.
 *
 * @param run the run
 * @param batches how many batches there are, numbered from 0
 * @param sequences how many token sequences they hold
 * @param tokens how many tokens they hold
 */
public record EndOfStream(String run, long batches, long sequences, long tokens)
    implements TokenMessage, ActivationMessage, LatentMessage {

  public EndOfStream {
    if (batches < 0 || sequences < 0 || tokens < 0) {
      throw new IllegalArgumentException(
          "end of stream: %d batches, %d sequences, %d tokens (expected: none negative)"
              .formatted(batches, sequences, tokens));
    }
  }

  /** It takes the number after the last batch's. */
  @Override
  public long number() {
    return batches;
  }
}
