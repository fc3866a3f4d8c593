// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.compose.Pipeline;
import io.saeflow.compose.broker.BrokerConfig;
import io.saeflow.compose.broker.BrokerConfig.Address;
import io.saeflow.compose.broker.BrokerConfig.Listener;
import io.saeflow.compose.broker.EmbeddedBroker;
import io.saeflow.compose.broker.KafkaNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A cluster that demands TLS and a user's name and password. */
class SecuredClusterTest {
  private static final Path ORACLE = Path.of("src/test/resources/oracle");
  private static final String SAE = "saelens-jumprelu--blocks.0.mlp.hook_post";
  private static final int LATENTS = 96;
  private static final String STORE_PASSWORD = "store-secret";
  private static final String LOGIN =
      "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\""
          + " password=\"%s\"";

  @TempDir private Path folder;
  private final StringWriter stderr = new StringWriter();

  @Test
  void aRunLogsInAndAWrongPasswordIsOneLine() throws Exception {
    Path keys = keyStore();
    Address address = EmbeddedBroker.freeAddress();
    try (KafkaNode broker = KafkaNode.start(secured(address, keys))) {
      assertThat(broker.clusterId()).isEqualTo("secured");

      assertThat(run(address, keys, "wrong")).as(stderr.toString()).isEqualTo(2);
      assertThat(stderr.toString().lines()).hasSize(1);
      assertThat(stderr.toString())
          .startsWith("saeflow: bootstrap-servers: " + address)
          .contains("Authentication failed", "expected: ")
          .doesNotContain("wrong");
      assertThat(folder.resolve("out")).doesNotExist();

      assertThat(run(address, keys, "reader-secret")).as(stderr.toString()).isZero();
      assertThat(stderr.toString()).doesNotContain("secret");
      assertThat(folder.resolve("out/manifest.json")).exists();
      try (var atoms =
          Files.list(folder.resolve("out/sae-viewer/model").resolve(SAE).resolve("atoms"))) {
        assertThat(atoms).hasSize(LATENTS);
      }
    }
  }

  private BrokerConfig secured(Address address, Path keys) throws IOException {
    String login = LOGIN.formatted("broker", "broker-secret");
    return new BrokerConfig(
        folder.resolve("broker"),
        1,
        Listener.parse("SASL_SSL://" + address),
        new TreeMap<>(Map.of(1, EmbeddedBroker.freeAddress())),
        Optional.of("secured"),
        Map.of(
            "ssl.keystore.location",
            keys.toString(),
            "ssl.keystore.password",
            STORE_PASSWORD,
            "ssl.truststore.location",
            keys.toString(),
            "ssl.truststore.password",
            STORE_PASSWORD,
            "sasl.enabled.mechanisms",
            "PLAIN",
            "sasl.mechanism.inter.broker.protocol",
            "PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config",
            login + " user_broker=\"broker-secret\" user_reader=\"reader-secret\";"));
  }

  private int run(Address address, Path keys, String password) throws IOException {
    Path config =
        Files.writeString(
            folder.resolve("pipeline.yaml"),
            """
            model: %s
            tokens: %s
            saes:
              - path: %s
                hook: blocks.0.mlp.hook_post
                id: jumprelu
                sae-path: %s
            out: out
            run-id: secured
            bootstrap-servers: %s
            kafka:
              security.protocol: SASL_SSL
              ssl.truststore.location: %s
              ssl.truststore.password: %s
              sasl.mechanism: PLAIN
              sasl.jaas.config: '%s;'
            """
                .formatted(
                    ORACLE.resolve("model").toAbsolutePath(),
                    ORACLE.resolve("tokens.npy").toAbsolutePath(),
                    ORACLE.resolve("cases").resolve(SAE).resolve("sae").toAbsolutePath(),
                    SAE,
                    address,
                    keys,
                    STORE_PASSWORD,
                    LOGIN.formatted("reader", password)));
    stderr.getBuffer().setLength(0);
    return Saeflow.commandLine(
            new Pipeline(),
            (directory, tokens, target) -> {
              throw new AssertionError("a run needs no text of the model");
            },
            folder,
            folder.resolve("cache"))
        .setOut(new PrintWriter(new StringWriter(), true))
        .setErr(new PrintWriter(stderr, true))
        .execute("run", "--config", config.toString());
  }

  /** A key and its own certificate, which serves as the truststore as well. */
  private Path keyStore() throws Exception {
    Path store = folder.resolve("keys.p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "broker",
                "-keyalg",
                "EC",
                "-dname",
                "CN=localhost",
                "-ext",
                "san=ip:127.0.0.1,dns:localhost",
                "-validity",
                "2",
                "-storetype",
                "PKCS12",
                "-keystore",
                store.toString(),
                "-storepass",
                STORE_PASSWORD)
            .redirectErrorStream(true)
            .start();
    String said = new String(keytool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(keytool.waitFor()).as(said).isZero();
    return store;
  }
}
