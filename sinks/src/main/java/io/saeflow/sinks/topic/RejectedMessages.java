// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.topic;

import org.apache.kafka.clients.consumer.ConsumerRecord;

/** What becomes of the messages that a topic's contents could not use. Called by all readers. */
@FunctionalInterface
public interface RejectedMessages {
  /** Takes one; when this returns, reading may go on behind it. */
  void add(ConsumerRecord<byte[], byte[]> message, String reason);
}
