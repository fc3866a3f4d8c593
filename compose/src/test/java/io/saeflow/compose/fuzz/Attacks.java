// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.fuzz;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.ZipFile;

/** Inputs that were made to hurt. */
final class Attacks {
  private static final String TENSOR =
      "X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\n";

  private Attacks() {}

  /** What an index might name to leave its folder. */
  static Stream<String> namesOfOtherFiles() {
    return Stream.of(
        "../" + Secret.FILE,
        "..\\\\" + Secret.FILE,
        "./../" + Secret.FILE,
        "a/../../" + Secret.FILE,
        "/etc/passwd",
        Path.of("target").toAbsolutePath() + "/" + Secret.FILE,
        Secret.LINK,
        "..",
        ".",
        "",
        "\\u0000",
        "file:///etc/passwd");
  }

  static byte[] headerOf(String header) {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + text.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(text.length)
        .put(text)
        .array();
  }

  static byte[] npyOf(String header) {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(10 + text.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(latin("\u0093NUMPY\1\0"))
        .putShort((short) text.length)
        .put(text)
        .array();
  }

  /** Each alias holds the one before it several times. */
  static String laughs() {
    StringBuilder yaml = new StringBuilder();
    for (char name = 'b'; name < 'z'; name++) {
      String before = "*" + (char) (name - 1) + ",";
      yaml.append("%s: &%s [%s]\n".formatted(name, name, before.repeat(9) + before.charAt(0)));
    }
    return yaml.toString().replace(",*]", "]");
  }

  /** The pickle of a file that torch.save wrote. */
  static byte[] pickleOf(Path checkpoint) {
    try (ZipFile zip = new ZipFile(checkpoint.toFile());
        InputStream in =
            zip.getInputStream(
                zip.stream()
                    .filter(entry -> entry.getName().endsWith("/data.pkl"))
                    .findAny()
                    .orElseThrow())) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A checkpoint of {@code pickle} and a few storages of zeros. */
  static byte[] archive(byte[] pickle) {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put("a/data.pkl", pickle);
    for (int i = 0; i < 4; i++) {
      entries.put("a/data/" + i, new byte[96]);
    }
    return Mutator.Zip.zip(entries, true);
  }

  /** Memos that hold themselves, names that lead elsewhere, layouts that overflow. */
  static Stream<byte[]> pickles() {
    String tensor = "}" + TENSOR + "X\1\0\0\0000X\3\0\0\0cpuK\30tQK\0K\2K\3\206K\3K\1\206\211}tRs.";
    return Stream.of(
            tensor,
            tensor.replace("X\1\0\0\0000X", "X\16\0\0\0../../../outsidX"),
            tensor.replace("K\2K\3", "\212\10\0\0\0\0\1\0\0\0\212\10\0\0\0\0\1\0\0\0"),
            tensor.replace("FloatStorage", "CharStorage"),
            "}q\0X\1\0\0\0ah\0s.",
            "]q\0h\0ah\0ah\0ae.",
            "}q\0(h\0h\0u.",
            "](" + "h\0".repeat(10) + "e.",
            "]q\0(h\0h\0h\0h\0eq\1(h\1h\1h\1h\1eq\2h\2\205R.",
            "cos\nsystem\n(X\4\0\0\0truetR.",
            "\200\4\225\377\377\377\377\377\377\377\177}.",
            "\212\377" + "\377".repeat(255) + ".")
        .map(Attacks::latin);
  }

  /** Of the opcodes that need most memory. */
  static Stream<byte[]> largePickles() {
    return Stream.of("}", "]", "(", "(d", ")", "}\205", "}q\0", "}\224", "K\1", "N\205", "cos\n")
        .map(opcodes -> latin(opcodes.repeat((1 << 18) / opcodes.length()) + "."));
  }

  /** Archives whose entries unfold to a thousand times their size. */
  static Stream<byte[]> zipBombs() {
    Map<String, byte[]> pickle = new LinkedHashMap<>();
    pickle.put("a/data.pkl", latin("}".repeat(4_000_000) + "."));
    Map<String, byte[]> padded = new LinkedHashMap<>();
    padded.put("a/data.pkl", new byte[1 << 26]);
    Map<String, byte[]> storage = new LinkedHashMap<>();
    storage.put(
        "a/data.pkl",
        latin(
            "}"
                + TENSOR.replace("Float", "Char")
                + "X\1\0\0\0000X\3\0\0\0cpuJ\0\0\0\2tQK\0J\0\0\0\2\205K\1\205\211}tRs."));
    storage.put("a/data/0", new byte[1 << 25]);
    return Stream.of(pickle, padded, storage).map(entries -> Mutator.Zip.zip(entries, false));
  }

  private static byte[] latin(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }
}
