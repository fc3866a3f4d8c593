// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.topic;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.stream.DeadLetterHeaders;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/**
 * Looks for messages that were set aside. The stream goes on without them; a run can still be
 * complete if they were none of its own, such as another program's.
 */
public final class DeadLetterWatch implements AutoCloseable {
  /** Enough to see what is wrong; the rest is on the topic. */
  private static final int SHOWN = 5;

  /** More than a commit interval and a batch of the slowest stage usually take. */
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private final KafkaConsumer<byte[], byte[]> consumer;
  private final String topic;
  private final PrintStream err;
  private long letters;
  private String first = "";
  private long modelled = -1;
  private long aggregated = -1;
  private long progressed = System.nanoTime();

  /**
   * @param kafka client properties, {@code bootstrap.servers} among them
   * @param err is told of the first messages
   */
  public DeadLetterWatch(Map<String, Object> kafka, Topics topics, PrintStream err) {
    this.topic = topics.deadLetters();
    this.err = err;
    this.consumer = PartitionConsumer.open(kafka, new TopicPartition(topic, 0));
  }

  /** Waits at most {@code patience} for a message, and says where it stood and why it is here. */
  public void poll(Duration patience) {
    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(patience)) {
      letters++;
      String letter = DeadLetterHeaders.describe(name -> value(record, name));
      if (letters == 1) {
        first = letter;
      }
      if (letters <= SHOWN) {
        err.println("dead letter: " + letter);
      }
    }
  }

  /**
   * Checks that a run which set messages aside still goes on.
   *
   * @param fed whether nothing more will come
   * @param modelledTokens through the model so far
   * @param aggregatedTokens counted so far
   * @throws IllegalStateException if it has stood still for minutes: what it waits for was set
   *     aside
   */
  public void requireProgress(boolean fed, long modelledTokens, long aggregatedTokens) {
    if (!fed || letters == 0 || modelledTokens != modelled || aggregatedTokens != aggregated) {
      modelled = modelledTokens;
      aggregated = aggregatedTokens;
      progressed = System.nanoTime();
    } else if (System.nanoTime() - progressed > PATIENCE.toNanos()) {
      throw new IllegalStateException(
          "%d messages could not be used and are kept on %s, and the run waits for what they held; the first: %s"
              .formatted(letters, topic, first));
    }
  }

  @Override
  public void close() {
    consumer.close();
  }

  private static byte @Nullable [] value(ConsumerRecord<byte[], byte[]> record, String name) {
    Header header = record.headers().lastHeader(name);
    return header == null ? null : header.value();
  }
}
