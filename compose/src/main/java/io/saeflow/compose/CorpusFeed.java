// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.prepare.PreparedRun;
import io.saeflow.producer.corpus.CorpusException;
import io.saeflow.producer.corpus.TokenBatches;
import io.saeflow.producer.publish.TokenFeed;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.FeedPosition;
import io.saeflow.schemas.feature.RunTotals;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** Feeds a run's corpus to the tokens topic, on a thread of its own. */
final class CorpusFeed implements AutoCloseable {
  private final PreparedRun run;
  private final TokenFeed feed;
  private final CompletableFuture<FeedPosition> fed = new CompletableFuture<>();

  private CorpusFeed(PreparedRun run, TokenFeed feed) {
    this.run = run;
    this.feed = feed;
  }

  static CorpusFeed start(Map<String, Object> kafka, Topics topics, PreparedRun run) {
    CorpusFeed started = new CorpusFeed(run, TokenFeed.open(kafka, topics));
    new Thread(started::feed, "feed").start();
    return started;
  }

  /** The corpus' totals once all of it is on the topic; {@link BadInputException} if it is bad. */
  CompletableFuture<RunTotals> done() {
    return fed.thenApply(CorpusFeed::totals);
  }

  /** Where appended text would go on; as {@link #done} otherwise. */
  CompletableFuture<FeedPosition> fed() {
    return fed;
  }

  /** How many tokens are on the topic so far. */
  long tokens() {
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
      return feed.send(batches);
    }
  }

  private static RunTotals totals(FeedPosition position) {
    return new RunTotals(position.getDocuments(), position.getSequences(), position.getTokens());
  }
}
