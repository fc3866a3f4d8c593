// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import io.saeflow.schemas.Topics;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's settings for the clients here. What delivery depends on is fixed; the caller's settings
 * win over the rest.
 */
final class ClientConfigs {
  private static final Duration MAX_POLL_INTERVAL = Duration.ofHours(1);

  private ClientConfigs() {}

  /** A producer whose records arrive once, in order. */
  static Map<String, Object> tokenProducer(Map<String, Object> kafka) {
    return producer(kafka);
  }

  /** A producer with transactions; a newer one of the same id shuts an older one out. */
  static Map<String, Object> activationProducer(Map<String, Object> kafka, String id) {
    Map<String, Object> config = producer(kafka);
    config.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, id);
    return config;
  }

  private static Map<String, Object> producer(Map<String, Object> kafka) {
    Map<String, Object> config = new HashMap<>();
    config.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, Topics.MAX_REQUEST_BYTES);
    // A message that is larger than the buffer could never be sent; the feed waits when it is full.
    config.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 2L * Topics.MAX_REQUEST_BYTES);
    config.putAll(kafka);
    config.put(ProducerConfig.ACKS_CONFIG, "all");
    config.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
    config.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    config.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    return config;
  }

  /** A consumer that reads committed records and leaves committing to a transaction. */
  static Map<String, Object> consumer(
      Map<String, Object> kafka, String group, String instance, int maxRecords) {
    Map<String, Object> config = new HashMap<>(kafka);
    config.put(ConsumerConfig.GROUP_ID_CONFIG, group);
    // With a name of its own, a restarted instance gets its partitions back at once rather than
    // after its dead predecessor's session has run out.
    config.put(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG, instance);
    config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    config.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, maxRecords);
    // A large model takes minutes for a batch; a dead process is noticed by its heartbeats.
    config.put(
        ConsumerConfig.MAX_POLL_INTERVAL_MS_CONFIG, Math.toIntExact(MAX_POLL_INTERVAL.toMillis()));
    config.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    config.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    return config;
  }

  /** A consumer outside any group, to look at what a topic holds. */
  static Map<String, Object> onlooker(Map<String, Object> kafka) {
    Map<String, Object> config = new HashMap<>(kafka);
    config.remove(ConsumerConfig.GROUP_ID_CONFIG);
    config.remove(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG);
    config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
    config.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 1);
    config.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    config.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    return config;
  }
}
