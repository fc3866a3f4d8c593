// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.store;

import io.saeflow.schemas.Topics;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.StoreBuilder;

/** Builds a store, one a task, from its constructor. */
public final class ObjectStoreBuilder<T extends StateStore> implements StoreBuilder<T> {
  /** Where a store's content is kept. */
  public enum Changelog {
    /** In a changelog topic, from which it is restored. */
    LOGGED,
    /** Nowhere. */
    NONE
  }

  private final String name;
  private final Changelog changelog;
  private final Supplier<T> constructor;
  private final Map<String, String> topicConfig = new HashMap<>();

  /**
   * @param constructor called once a task
   */
  public ObjectStoreBuilder(String name, Changelog changelog, Supplier<T> constructor) {
    this.name = name;
    this.changelog = changelog;
    this.constructor = constructor;
    topicConfig.put(
        TopicConfig.MAX_MESSAGE_BYTES_CONFIG, Integer.toString(Topics.MAX_REQUEST_BYTES));
  }

  @Override
  public T build() {
    return constructor.get();
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public boolean loggingEnabled() {
    return changelog == Changelog.LOGGED;
  }

  @Override
  public Map<String, String> logConfig() {
    return topicConfig;
  }

  @Override
  public StoreBuilder<T> withLoggingEnabled(Map<String, String> config) {
    topicConfig.putAll(config);
    return this;
  }

  @Override
  public StoreBuilder<T> withLoggingDisabled() {
    throw new UnsupportedOperationException("%s: fixed as %s".formatted(name, changelog));
  }

  @Override
  public StoreBuilder<T> withCachingEnabled() {
    return this;
  }

  @Override
  public StoreBuilder<T> withCachingDisabled() {
    return this;
  }
}
