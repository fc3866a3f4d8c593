// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.broker;

import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import kafka.server.ControllerServer;
import org.apache.kafka.common.errors.NotControllerException;
import org.apache.kafka.common.message.BrokerHeartbeatRequestData;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.controller.Controller;
import org.apache.kafka.controller.ControllerRequestContext;
import org.apache.kafka.image.MetadataDelta;
import org.apache.kafka.image.MetadataImage;
import org.apache.kafka.image.loader.LoaderManifest;
import org.apache.kafka.image.publisher.MetadataPublisher;
import org.apache.kafka.metadata.BrokerRegistration;

/**
 * Waits until the cluster knows that the broker that ran here before does not run any more.
 *
 * <p>A broker that was killed leads its partitions until its session has run out. Started again
 * before that, it would take itself for their leader, load the transactions that were being
 * committed, lose the leadership at once, and drop the commit markers that it has yet to write:
 * Kafka's metadata cache takes a partition without a leader for one that was deleted. Such a
 * transaction then stays open for ever, and with it whoever reads what was committed.
 */
final class FormerRegistration implements MetadataPublisher {
  private final int node;
  private final Controller controller;
  private final CompletableFuture<Void> over = new CompletableFuture<>();

  private FormerRegistration(int node, Controller controller) {
    this.node = node;
    this.controller = controller;
  }

  /**
   * Returns when no broker of this node is in service.
   *
   * @param controller has started; the node's broker has not
   */
  static void awaitEnd(int node, ControllerServer controller) {
    FormerRegistration former = new FormerRegistration(node, controller.controller());
    var loader = controller.sharedServer().loader();
    loader.installPublishers(List.of(former)).join();
    former.over.join();
    loader.removeAndClosePublisher(former).join();
  }

  @Override
  public String name() {
    return "FormerRegistration";
  }

  @Override
  public void onMetadataUpdate(MetadataDelta delta, MetadataImage image, LoaderManifest manifest) {
    BrokerRegistration broker = image.cluster().broker(node);
    if (broker == null || broker.fenced()) {
      over.complete(null);
      return;
    }
    try {
      CompletableFuture<?> unused =
          controller.processBrokerHeartbeat(
              new ControllerRequestContext(
                  new RequestHeaderData(), KafkaPrincipal.ANONYMOUS, OptionalLong.empty()),
              new BrokerHeartbeatRequestData()
                  .setBrokerId(node)
                  .setBrokerEpoch(broker.epoch())
                  .setCurrentMetadataOffset(image.offset())
                  .setWantFence(true));
    } catch (NotControllerException e) {
      // Only the active controller does what is asked for; the one that is will find the broker
      // missing when its session has run out.
    }
  }
}
