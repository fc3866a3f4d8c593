// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.schemas.stream.DeadLetterHeaders;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.errors.WakeupException;

/**
 * Turns the tokens topic into the topics of an {@link ActivationOutput}, exactly once, on a thread
 * of its own, until it is closed or fails. Several share the work as one consumer group. It waits
 * while the readers are too far behind.
 *
 * <p>A message that is no batch of this run, or that the model or the output cannot take, goes to
 * dead letters with {@link DeadLetterHeaders} beside its own.
 */
public final class ActivationProducer implements AutoCloseable {
  private final Consumer<byte[], byte[]> consumer;
  private final Producer<byte[], byte[]> producer;
  private final Headroom headroom;
  private final ModelWorkers workers;
  private final ActivationLoop loop;
  private final Thread thread;
  private final CompletableFuture<Void> finished = new CompletableFuture<>();
  private volatile boolean stopping;

  ActivationProducer(
      Consumer<byte[], byte[]> consumer,
      Producer<byte[], byte[]> producer,
      Headroom headroom,
      Gpt2 model,
      ActivationOutput output,
      ActivationProducerConfig config) {
    this.consumer = consumer;
    this.producer = producer;
    this.headroom = headroom;
    String name = "activations-" + config.instance();
    this.workers = new ModelWorkers(name, config.threads());
    this.loop =
        new ActivationLoop(
            consumer, producer, model, config.topics(), config.hooks(), output, headroom, workers);
    this.thread = new Thread(this::run, name);
  }

  /**
   * Starts one.
   *
   * @param model used until this is closed; not closed
   * @param output opened by each of the model's threads, until this is closed
   * @throws IllegalArgumentException if the model lacks a hook
   * @throws org.apache.kafka.common.KafkaException if the clients' settings are bad
   */
  public static ActivationProducer start(
      ActivationProducerConfig config, Gpt2 model, ActivationOutput output) {
    config.hooks().forEach(model::width);
    String group = config.topics().producerGroup();
    Consumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            ClientConfigs.consumer(
                config.kafka(), group, config.instance(), config.batchesPerTransaction()));
    Producer<byte[], byte[]> producer = null;
    try {
      producer =
          new KafkaProducer<>(
              ClientConfigs.activationProducer(config.kafka(), group + "." + config.instance()));
      Headroom headroom =
          new WaitingRecords(
              Admin.create(config.kafka()),
              output.readers(),
              output.topics(),
              config.maxWaitingBatches());
      ActivationProducer started =
          new ActivationProducer(consumer, producer, headroom, model, output, config);
      started.start();
      return started;
    } catch (RuntimeException e) {
      consumer.close();
      if (producer != null) {
        producer.close();
      }
      throw e;
    }
  }

  /**
   * Of how many tokens this instance has committed the activations, or what became of them; may be
   * asked from any thread.
   */
  public long tokens() {
    return loop.tokensDone().sum();
  }

  /** How many messages this instance has sent to dead letters; may be asked from any thread. */
  public long deadLetters() {
    return loop.deadLetters().sum();
  }

  /** Its clients' own Kafka metrics; may be asked from any thread. */
  public Map<MetricName, Metric> kafkaMetrics() {
    Map<MetricName, Metric> metrics = new HashMap<>(consumer.metrics());
    metrics.putAll(producer.metrics());
    return metrics;
  }

  /** Completes when the thread has ended: with its failure if it did not end by {@link #close}. */
  public CompletableFuture<Void> finished() {
    return finished;
  }

  /**
   * Stops after the transaction under way, and the batches that the model is at, and waits for the
   * threads. Does not throw its failure.
   */
  @Override
  public void close() {
    stopping = true;
    consumer.wakeup();
    workers.cancelWaiting();
    try {
      finished.join();
    } catch (CompletionException e) {
      // Whoever watches finished() has it.
    }
  }

  void start() {
    thread.start();
  }

  private void run() {
    Throwable failure = null;
    try (headroom;
        producer;
        consumer;
        loop;
        workers) {
      loop.begin();
      while (!stopping) {
        loop.step();
      }
    } catch (WakeupException | CancellationException e) {
      // close() asked for it.
      failure = stopping ? null : e;
    } catch (RuntimeException | Error e) {
      failure = e;
    }
    if (failure == null) {
      finished.complete(null);
    } else {
      finished.completeExceptionally(failure);
    }
  }
}
