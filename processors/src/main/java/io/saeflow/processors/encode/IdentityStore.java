// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.encode;

import io.saeflow.processors.store.ObjectStoreBuilder;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.jspecify.annotations.Nullable;

/**
 * Holds nothing. Kafka Streams keeps its process id across restarts only if a store says that it is
 * persistent, and only with the same id does a restarted process fence its dead predecessor at
 * once; else readers wait until the predecessor's open transaction times out.
 */
final class IdentityStore implements StateStore {
  private final String name;
  private boolean open;

  private IdentityStore(String name) {
    this.name = name;
  }

  static ObjectStoreBuilder<IdentityStore> builder(String name) {
    return new ObjectStoreBuilder<>(
        name, ObjectStoreBuilder.Changelog.NONE, () -> new IdentityStore(name));
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public void init(StateStoreContext context, StateStore root) {
    context.register(root, (key, value) -> {});
    open = true;
  }

  @Override
  public void commit(Map<TopicPartition, Long> changelogOffsets) {}

  @Override
  public void close() {
    open = false;
  }

  @Override
  public boolean persistent() {
    return true;
  }

  @Override
  @SuppressWarnings("deprecation") // the interface asks new stores to return true until it goes
  public boolean managesOffsets() {
    return true;
  }

  @Override
  public @Nullable Long committedOffset(TopicPartition partition) {
    return null;
  }

  @Override
  public boolean isOpen() {
    return open;
  }
}
