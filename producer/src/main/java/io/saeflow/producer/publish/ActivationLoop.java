// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.DeadLetterHeaders;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.stream.TokenBatch;
import io.saeflow.schemas.stream.TokenMessage;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads tokens, has the model run over them, and writes what becomes of its activations and the
 * tokens' offsets in one transaction for each poll, in the order of the polls. While one is
 * written, the model works on the next.
 */
final class ActivationLoop implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ActivationLoop.class);
  private static final Duration POLL = Duration.ofMillis(200);

  /** How late the end of the model's work may be noticed while more is looked for. */
  private static final Duration GLANCE = Duration.ofMillis(20);

  /** Polls whose records are with the model, so that it never waits for a transaction. */
  private static final int MOST_UNDER_WAY = 2;

  private static final int MOST_REPEATED = 5;

  private final Consumer<byte[], byte[]> consumer;
  private final Producer<byte[], byte[]> producer;
  private final Gpt2 model;
  private final Topics topics;
  private final List<HookPoint> hooks;
  private final ActivationOutput output;
  private final Headroom headroom;
  private final ModelWorkers workers;
  private final Map<String, Integer> partitions = new HashMap<>();

  /** Each of the model's threads makes records by itself. */
  private final Map<Thread, ActivationRecords> recordsByThread = new ConcurrentHashMap<>();

  private final Deque<Poll> underWay = new ArrayDeque<>();
  private boolean rebalanced;

  /** Transactions in a row that the broker's memory of this producer has made fail. */
  private int repeated;

  private long batchesLeft;
  private final LongAdder tokensDone = new LongAdder();
  private final LongAdder deadLetters = new LongAdder();

  ActivationLoop(
      Consumer<byte[], byte[]> consumer,
      Producer<byte[], byte[]> producer,
      Gpt2 model,
      Topics topics,
      List<HookPoint> hooks,
      ActivationOutput output,
      Headroom headroom,
      ModelWorkers workers) {
    this.consumer = consumer;
    this.producer = producer;
    this.model = model;
    this.topics = topics;
    this.hooks = hooks;
    this.output = output;
    this.headroom = headroom;
    this.workers = workers;
  }

  /** Tokens whose activations, or what became of them, are committed. */
  LongAdder tokensDone() {
    return tokensDone;
  }

  /** Messages that went to dead letters. */
  LongAdder deadLetters() {
    return deadLetters;
  }

  /**
   * To be called once before {@link #step}. It ends what a predecessor of the same id left open, so
   * it comes before the first look at committed offsets.
   */
  void begin() {
    producer.initTransactions();
    for (String topic : output.topics()) {
      partitions.put(topic, producer.partitionsFor(topic).size());
    }
    consumer.subscribe(List.of(topics.tokens()), new Rebalances());
  }

  /**
   * One poll, if there is headroom and the model needs more, and the transaction of an earlier one,
   * if there is one; does nothing if there is nothing to read.
   *
   * @throws CancellationException if the workers have dropped what was waiting
   */
  void step() {
    boolean more = underWay.size() < MOST_UNDER_WAY && read();
    if (!underWay.isEmpty() && (!more || underWay.size() == MOST_UNDER_WAY)) {
      write(underWay.remove());
    }
  }

  /** To be called when none of the workers is at work any more. */
  @Override
  public void close() {
    recordsByThread.values().forEach(ActivationRecords::close);
    recordsByThread.clear();
  }

  /** Whether there was something to read. */
  private boolean read() {
    if (batchesLeft <= 0) {
      // What is under way is in no topic yet, and takes up the room all the same.
      batchesLeft = headroom.batches() - batchesUnderWay();
    }
    // A consumer that waits still polls, and so stays in its group.
    if (batchesLeft > 0) {
      consumer.resume(consumer.paused());
    } else {
      consumer.pause(consumer.assignment());
    }
    ConsumerRecords<byte[], byte[]> records = poll();
    if (rebalanced) {
      // The group's new generation would let this commit what may be another's by now.
      dropAll();
      rewind();
      rebalanced = false;
      return false;
    }
    if (records.isEmpty()) {
      return false;
    }
    List<Future<Output>> outputs = new ArrayList<>();
    for (ConsumerRecord<byte[], byte[]> record : records) {
      outputs.add(workers.submit(() -> transform(record)));
    }
    underWay.add(new Poll(records, outputs));
    batchesLeft -= records.count();
    return true;
  }

  /**
   * What there is to read. While the model is at an earlier poll this waits for more, so that no
   * thread of the model is left without work that is about to come.
   */
  private ConsumerRecords<byte[], byte[]> poll() {
    if (underWay.isEmpty()) {
      return consumer.poll(POLL);
    }
    ConsumerRecords<byte[], byte[]> records;
    do {
      records = consumer.poll(GLANCE);
    } while (records.isEmpty() && !rebalanced && batchesLeft > 0 && !underWay.element().isDone());
    return records;
  }

  private long batchesUnderWay() {
    return underWay.stream().mapToLong(poll -> poll.records.count()).sum();
  }

  /** The model has run before the transaction begins: a slow model then never outlasts it. */
  private void write(Poll poll) {
    List<Output> outputs = new ArrayList<>();
    for (Future<Output> output : poll.outputs) {
      outputs.add(await(output));
    }
    if (commit(poll.records, outputs)) {
      for (Output output : outputs) {
        tokensDone.add(output.tokens);
        deadLetters.add(output.deadLetters);
      }
    }
  }

  private Output transform(ConsumerRecord<byte[], byte[]> record) {
    try {
      TokenMessage message = decode(record);
      ActivationRecords ofThread = ofThisThread();
      if (message instanceof TokenBatch batch) {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (ActivationBatch activations : activations(batch)) {
          records.addAll(ofThread.of(activations));
        }
        return new Output(records, batch.tokens().length, 0);
      }
      return new Output(ofThread.of((EndOfStream) message), 0, 0);
    } catch (MalformedMessageException e) {
      LOG.warn("{}-{}@{}: {}", record.topic(), record.partition(), record.offset(), e.getMessage());
      return new Output(List.of(deadLetter(record, e)), 0, 1);
    }
  }

  private TokenMessage decode(ConsumerRecord<byte[], byte[]> record)
      throws MalformedMessageException {
    TokenMessage message = ArrowMessages.decodeTokens(record.value());
    if (!message.run().equals(topics.run())) {
      throw new MalformedMessageException(
          "run: '%s' (expected: '%s')".formatted(message.run(), topics.run()));
    }
    return message;
  }

  private List<ActivationBatch> activations(TokenBatch batch) throws MalformedMessageException {
    Map<HookPoint, float[]> values;
    try {
      values = model.activations(batch.tokens(), batch.contextLength(), hooks);
    } catch (IllegalArgumentException e) {
      throw new MalformedMessageException(
          "batch %d: %s".formatted(batch.number(), e.getMessage()), e);
    }
    List<ActivationBatch> activations = new ArrayList<>();
    values.forEach(
        (hook, value) ->
            activations.add(new ActivationBatch(batch, hook, model.width(hook), value)));
    return activations;
  }

  private ActivationRecords ofThisThread() {
    return recordsByThread.computeIfAbsent(
        Thread.currentThread(), thread -> output.open(partitions));
  }

  private ProducerRecord<byte[], byte[]> deadLetter(
      ConsumerRecord<byte[], byte[]> record, MalformedMessageException reason) {
    ProducerRecord<byte[], byte[]> letter =
        new ProducerRecord<>(
            topics.deadLetters(), null, record.key(), record.value(), record.headers());
    DeadLetterHeaders.of(
            record.topic(),
            record.partition(),
            record.offset(),
            String.valueOf(reason.getMessage()))
        .forEach(letter.headers()::add);
    return letter;
  }

  /** Whether it was committed; if not, the records will be read again. */
  private boolean commit(ConsumerRecords<byte[], byte[]> records, List<Output> outputs) {
    producer.beginTransaction();
    try {
      for (Output output : outputs) {
        for (ProducerRecord<byte[], byte[]> record : output.records) {
          // A failure of any send comes out of commitTransaction.
          Future<RecordMetadata> unused = producer.send(record);
        }
      }
      producer.sendOffsetsToTransaction(after(records), consumer.groupMetadata());
      producer.commitTransaction();
      repeated = 0;
      return true;
    } catch (CommitFailedException e) {
      // The group gave this consumer's partitions to others meanwhile: they will do the work.
      LOG.info("{}: rebalanced during a transaction, reading again", topics.tokens());
      readAgain();
      return false;
    } catch (ProducerFencedException | InvalidProducerEpochException e) {
      throw e;
    } catch (KafkaException e) {
      // A broker may forget a producer all of whose records have been deleted.
      if (e.getCause() instanceof OutOfOrderSequenceException && repeated < MOST_REPEATED) {
        repeated++;
        LOG.info("{}: {}, reading again", topics.tokens(), e.getCause().getMessage());
        readAgain();
        return false;
      }
      try {
        producer.abortTransaction();
      } catch (KafkaException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw e;
    }
  }

  private void readAgain() {
    producer.abortTransaction();
    dropAll();
    rewind();
  }

  private static Map<TopicPartition, OffsetAndMetadata> after(
      ConsumerRecords<byte[], byte[]> records) {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    for (ConsumerRecord<byte[], byte[]> record : records) {
      offsets.put(
          new TopicPartition(record.topic(), record.partition()),
          new OffsetAndMetadata(record.offset() + 1));
    }
    return offsets;
  }

  private void rewind() {
    Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
    for (TopicPartition partition : consumer.assignment()) {
      OffsetAndMetadata offset = committed.get(partition);
      if (offset == null) {
        consumer.seekToBeginning(List.of(partition));
      } else {
        consumer.seek(partition, offset);
      }
    }
  }

  private void dropAll() {
    for (Poll poll : underWay) {
      poll.outputs.forEach(output -> output.cancel(false));
    }
    underWay.clear();
  }

  private static Output await(Future<Output> output) {
    try {
      return output.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException("model: " + e.getCause(), e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new KafkaException("interrupted", e);
    }
  }

  /** What a record turns into. */
  private record Output(
      List<ProducerRecord<byte[], byte[]>> records, long tokens, long deadLetters) {}

  private record Poll(ConsumerRecords<byte[], byte[]> records, List<Future<Output>> outputs) {
    boolean isDone() {
      return outputs.stream().allMatch(Future::isDone);
    }
  }

  private final class Rebalances implements ConsumerRebalanceListener {
    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
      rebalanced |= !revoked.isEmpty();
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> assigned) {}
  }
}
