// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.topic;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.stream.MalformedMessageException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The run's manifest on its topic: the last one there counts. */
public final class ManifestTopic {
  private static final Logger LOG = LoggerFactory.getLogger(ManifestTopic.class);

  private final Map<String, Object> kafka;
  private final Topics topics;

  /**
   * @param kafka client properties, {@code bootstrap.servers} among them
   */
  public ManifestTopic(Map<String, Object> kafka, Topics topics) {
    this.kafka = Map.copyOf(kafka);
    this.topics = topics;
  }

  /** Publishes {@code manifest} and returns when it is kept. */
  public void publish(RunManifest manifest) {
    update(latest -> manifest);
  }

  /**
   * Publishes what {@code change} makes of the last manifest, and returns when it is kept. No other
   * change comes between: whoever begins later shuts out those before, which then begin again.
   *
   * @param change called with the last manifest, if there is one; again after it was shut out
   */
  public RunManifest update(Function<Optional<RunManifest>, RunManifest> change) {
    Map<String, Object> config = new HashMap<>(kafka);
    config.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    config.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    config.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, topics.manifest());
    while (true) {
      try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(config)) {
        producer.initTransactions();
        RunManifest changed = change.apply(read());
        producer.beginTransaction();
        Future<RecordMetadata> unused =
            producer.send(
                new ProducerRecord<>(
                    topics.manifest(),
                    topics.run().getBytes(StandardCharsets.UTF_8),
                    AvroCodec.MANIFEST.encode(changed)));
        producer.commitTransaction();
        return changed;
      } catch (ProducerFencedException | InvalidProducerEpochException e) {
        LOG.info("{}: changed by another process meanwhile, again", topics.manifest());
      }
    }
  }

  /** The last manifest published, if there is one. */
  public Optional<RunManifest> read() {
    TopicPartition partition = new TopicPartition(topics.manifest(), 0);
    try (KafkaConsumer<byte[], byte[]> consumer = PartitionConsumer.open(kafka, partition)) {
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      Optional<RunManifest> last = Optional.empty();
      while (consumer.position(partition) < end) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
          last = Optional.of(AvroCodec.MANIFEST.decode(record.value()));
        }
      }
      return last;
    } catch (MalformedMessageException e) {
      throw new KafkaException("%s: %s".formatted(topics.manifest(), e.getMessage()), e);
    }
  }
}
