// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.stream;

/**
 * Says that a run has no more sequences than these so far, and travels through every stage like a
 * batch.
 *
 * <p>Partitions are not ordered against each other, so it may overtake batches: a reader is
 * complete when it has seen the sequences 0 to {@link #sequences()} - 1 and none beyond, not when
 * it sees this. Text may be appended later; then batches come after it, and a later end, with more
 * sequences, supersedes it.
 *
 * @param run the run
 * @param number its own number among the messages of the tokens topic; what is appended goes on
 *     with the next
 * @param sequences how many token sequences there are, from the run's beginning
 * @param tokens how many tokens they hold
 */
public record EndOfStream(String run, long number, long sequences, long tokens)
    implements TokenMessage, ActivationMessage, LatentMessage {

  public EndOfStream {
    if (number < 0 || sequences < 0 || tokens < 0) {
      throw new IllegalArgumentException(
          "end of stream %d: %d sequences, %d tokens (expected: none negative)"
              .formatted(number, sequences, tokens));
    }
  }
}
