// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.prepare.PreparedRun;
import io.saeflow.producer.corpus.CorpusException;
import io.saeflow.producer.corpus.TokenBatches;
import io.saeflow.producer.publish.TokenFeed;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.FeedPosition;
import io.saeflow.schemas.feature.RunTotals;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Feeds a run's corpus to the tokens topic, on a thread of its own. */
public final class CorpusFeed implements AutoCloseable {
  private final PreparedRun run;
  private final TokenFeed feed;
  private final Optional<FeedPosition> before;
  private final CompletableFuture<FeedPosition> fed = new CompletableFuture<>();

  private CorpusFeed(PreparedRun run, TokenFeed feed, Optional<FeedPosition> before) {
    this.run = run;
    this.feed = feed;
    this.before = before;
  }

  /**
   * Begins to feed.
   *
   * @param fed what the topic holds already, which the corpus begins with; empty for a new run
   */
  public static CorpusFeed start(
      Map<String, Object> kafka, Topics topics, PreparedRun run, Optional<FeedPosition> fed) {
    CorpusFeed started = new CorpusFeed(run, TokenFeed.open(kafka, topics), fed);
    new Thread(started::feed, "feed").start();
    return started;
  }

  /** The corpus' totals once all of it is on the topic; {@link BadInputException} if it is bad. */
  public CompletableFuture<RunTotals> done() {
    return fed.thenApply(CorpusFeed::totals);
  }

  /** Where appended text would go on; as {@link #done} otherwise. */
  public CompletableFuture<FeedPosition> fed() {
    return fed;
  }

  /** How many tokens are on the topic so far. */
  public long tokens() {
    return feed.tokens();
  }

  /** Stops and waits until nothing is read any more: what it reads with is closed after this. */
  @Override
  public void close() {
    feed.close();
    // Whatever it ended with, whoever watches done() has it.
    fed.handle((position, failure) -> true).join();
  }

  private void feed() {
    try {
      fed.complete(send());
    } catch (CorpusException e) {
      fed.completeExceptionally(new BadInputException(e.getMessage(), e));
    } catch (RuntimeException | Error e) {
      fed.completeExceptionally(e);
    }
  }

  private FeedPosition send() throws CorpusException {
    try (TokenBatches batches = run.batches()) {
      if (before.isPresent()) {
        batches.skip(before.get());
      }
      return feed.send(batches);
    }
  }

  private static RunTotals totals(FeedPosition position) {
    return new RunTotals(position.getDocuments(), position.getSequences(), position.getTokens());
  }
}
