// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.fuzz;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;

/** Makes an input of another. The same random numbers make the same input. */
interface Mutator {
  byte[] mutate(byte[] input, RandomGenerator random);

  /** Bits, extremes in place of numbers, and pieces that are cut, repeated or moved. */
  static Mutator bytes() {
    return Bytes::mutate;
  }

  /** Numbers of a variable length, as Avro writes them. */
  static Mutator varints() {
    return (input, random) ->
        random.nextInt(3) == 0
            ? Bytes.splice(input, random, Bytes.VARINTS[random.nextInt(Bytes.VARINTS.length)])
            : Bytes.mutate(input, random);
  }

  /** Tokens of JSON or YAML that are replaced, repeated, removed or nested; {@code words} too. */
  static Mutator text(String... words) {
    return (input, random) -> Text.mutate(input, random, words);
  }

  /** A header of text behind its length, at {@code lengthAt}; the length mostly stays right. */
  static Mutator header(int lengthAt, int lengthBytes, String... words) {
    return (input, random) -> {
      int start = lengthAt + lengthBytes;
      if (random.nextInt(4) == 0 || input.length < start) {
        return Bytes.mutate(input, random);
      }
      ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      length.put(0, input, lengthAt, lengthBytes);
      if (length.getLong(0) < 0 || length.getLong(0) > input.length - start) {
        return Bytes.mutate(input, random);
      }
      int end = start + (int) length.getLong(0);
      byte[] header = Text.mutate(Arrays.copyOfRange(input, start, end), random, words);
      length.putLong(0, header.length);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      out.write(input, 0, lengthAt);
      out.write(length.array(), 0, lengthBytes);
      out.writeBytes(header);
      out.write(input, end, input.length - end);
      return out.toByteArray();
    };
  }

  /** A zip archive: its entries' content, names and number, how they are packed, or its bytes. */
  static Mutator zip(Mutator content) {
    return (input, random) ->
        random.nextInt(4) == 0 ? Bytes.mutate(input, random) : Zip.mutate(input, random, content);
  }

  /** Compressed text, or compressed bytes that are damaged. */
  static Mutator gzip(Mutator text) {
    return (input, random) ->
        random.nextInt(3) == 0
            ? Bytes.mutate(gzip(input), random)
            : gzip(text.mutate(input, random));
  }

  /** One of several ways. */
  static Mutator either(Mutator one, Mutator other) {
    return (input, random) -> (random.nextBoolean() ? one : other).mutate(input, random);
  }

  static byte[] gzip(byte[] bytes) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /** Mutations that know nothing of the format. */
  final class Bytes {
    static final byte[][] VARINTS = {
      {0},
      {1},
      {(byte) 0xfe, (byte) 0xff, (byte) 0xff, (byte) 0xff, 0x0f},
      {(byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xff, 0x0f},
      {(byte) 0x80, (byte) 0x80, (byte) 0x80, 0x01},
      {
        (byte) 0xfe,
        (byte) 0xff,
        (byte) 0xff,
        (byte) 0xff,
        (byte) 0xff,
        (byte) 0xff,
        (byte) 0xff,
        (byte) 0xff,
        (byte) 0xff,
        0x01
      },
      {
        (byte) 0xff,
        (byte) 0xff,
        (byte) 0xff,
        (byte) 0xff,
        (byte) 0xff,
        (byte) 0xff,
        (byte) 0xff,
        (byte) 0xff,
        (byte) 0xff,
        0x01
      }
    };
    private static final int MAX_GROWTH = 64;

    private Bytes() {}

    static byte[] mutate(byte[] input, RandomGenerator random) {
      byte[] bytes = input;
      for (int i = 1 + random.nextInt(3); i > 0; i--) {
        bytes = once(bytes, random);
      }
      return bytes;
    }

    static byte[] splice(byte[] input, RandomGenerator random, byte[] piece) {
      int from = random.nextInt(input.length + 1);
      int to = random.nextBoolean() ? from : Math.min(input.length, from + piece.length);
      return replace(input, from, to, piece);
    }

    private static byte[] once(byte[] input, RandomGenerator random) {
      if (input.length == 0) {
        return new byte[] {(byte) random.nextInt()};
      }
      byte[] bytes = input.clone();
      int at = random.nextInt(bytes.length);
      int other = random.nextInt(bytes.length);
      int length = Math.min(1 + random.nextInt(MAX_GROWTH), bytes.length - at);
      switch (random.nextInt(9)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) random.nextInt();
        case 2 -> {
          return number(bytes, random, at);
        }
        case 3 -> {
          // FlatBuffers, zip and safetensors keep numbers at multiples of four, mostly.
          return number(bytes, random, at & ~3);
        }
        case 4 -> {
          return Arrays.copyOf(bytes, at);
        }
        case 5 -> {
          return replace(bytes, at, at + length, new byte[0]);
        }
        case 6 -> {
          return replace(bytes, at, at, Arrays.copyOfRange(bytes, at, at + length));
        }
        case 7 -> System.arraycopy(input, other, bytes, at, Math.min(length, bytes.length - other));
        default -> Arrays.fill(bytes, at, at + length, bytes[other]);
      }
      return bytes;
    }

    private static byte[] number(byte[] bytes, RandomGenerator random, int at) {
      long[] extremes = {
        0,
        1,
        -1,
        Byte.MAX_VALUE,
        255,
        Short.MAX_VALUE,
        65535,
        Integer.MAX_VALUE,
        Integer.MIN_VALUE,
        0xffffffffL,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        bytes.length,
        bytes.length - at,
        1 << 20,
        1 << 28
      };
      long value = extremes[random.nextInt(extremes.length)] + random.nextInt(3) - 1;
      int width = 1 << random.nextInt(4);
      ByteBuffer number = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, value);
      System.arraycopy(number.array(), 0, bytes, at, Math.min(width, bytes.length - at));
      return bytes;
    }

    private static byte[] replace(byte[] bytes, int from, int to, byte[] by) {
      ByteArrayOutputStream out = new ByteArrayOutputStream(bytes.length + by.length);
      out.write(bytes, 0, from);
      out.writeBytes(by);
      out.write(bytes, to, bytes.length - to);
      return out.toByteArray();
    }
  }

  /** Mutations of tokens. Bytes are Latin-1 characters here, so that none is lost. */
  final class Text {
    private static final Pattern TOKEN =
        Pattern.compile("\"(?:[^\"\\\\]|\\\\.)*+\"|'[^']*+'|[-\\w.+]++|\\s++|.", Pattern.DOTALL);
    private static final String[] WORDS = {
      "0",
      "1",
      "-1",
      "0.5",
      "-0.0",
      "2147483647",
      "2147483648",
      "-2147483649",
      "4294967296",
      "9223372036854775807",
      "9223372036854775808",
      "1e400",
      "-1e400",
      "1e-400",
      "NaN",
      "null",
      "true",
      "false",
      "\"\"",
      "\"a\"",
      "[]",
      "{}",
      "\"\\u0000\"",
      "\"\\ud800\"",
      "\\",
      "\"../" + Secret.FILE + "\"",
      "\"" + Secret.LINK + "\"",
      "\"" + Secret.TENSOR + "\"",
      "\"/etc/passwd\"",
      "9".repeat(1100),
      "-" + "1".repeat(400),
      "[".repeat(3000),
      "{\"a\":".repeat(1500),
      "[".repeat(900) + "]".repeat(900),
      "\"" + "x".repeat(5000) + "\"",
      "[1048576,1048576,1048576,1048576]",
      "[3037000500,3037000500]",
      "[0,9223372036854775807]",
      "&a",
      "*a",
      "!!java.lang.Runtime",
      "- ",
      "#",
      "\n",
      "\t",
      "\u00ff",
      "\u00ef\u00bb\u00bf"
    };

    private Text() {}

    static byte[] mutate(byte[] input, RandomGenerator random, String... words) {
      if (random.nextInt(8) == 0) {
        return Bytes.mutate(input, random);
      }
      List<String> tokens =
          new ArrayList<>(
              TOKEN
                  .matcher(new String(input, StandardCharsets.ISO_8859_1))
                  .results()
                  .map(match -> match.group())
                  .toList());
      for (int i = 1 + random.nextInt(3); i > 0 && !tokens.isEmpty(); i--) {
        once(tokens, random, words);
      }
      return String.join("", tokens).getBytes(StandardCharsets.ISO_8859_1);
    }

    private static void once(List<String> tokens, RandomGenerator random, String[] words) {
      int at = random.nextInt(tokens.size());
      int to = Math.min(tokens.size(), at + 1 + random.nextInt(12));
      switch (random.nextInt(7)) {
        case 0, 1 -> tokens.set(at, word(random, words));
        case 2 -> tokens.add(at, word(random, words));
        case 3 -> tokens.remove(at);
        case 4 -> tokens.addAll(at, List.copyOf(tokens.subList(at, to)));
        case 5 -> tokens.set(at, tokens.get(random.nextInt(tokens.size())));
        default -> {
          int depth = 1 + random.nextInt(60);
          tokens.set(at, "[".repeat(depth) + tokens.get(at) + "]".repeat(depth));
        }
      }
    }

    private static String word(RandomGenerator random, String[] words) {
      int i = random.nextInt(WORDS.length + 2 * words.length);
      return i < WORDS.length ? WORDS[i] : words[(i - WORDS.length) / 2];
    }
  }

  /** Mutations of archives. */
  final class Zip {
    private static final String[] NAMES = {
      "../../outside",
      "/etc/passwd",
      "a/../data.pkl",
      "b/data.pkl",
      "/data.pkl",
      "data.pkl",
      "",
      "archive/data/../data.pkl",
      "a\\data.pkl",
      "a/data.pkl/",
      "\u0000"
    };

    private Zip() {}

    static byte[] mutate(byte[] input, RandomGenerator random, Mutator content) {
      Map<String, byte[]> entries = new LinkedHashMap<>();
      try (ZipInputStream zip = new ZipInputStream(new ByteArrayInputStream(input))) {
        for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
          entries.put(entry.getName(), zip.readNBytes(1 << 20));
        }
      } catch (IOException | IllegalArgumentException e) {
        return Bytes.mutate(input, random);
      }
      if (entries.isEmpty()) {
        return Bytes.mutate(input, random);
      }
      List<String> names = new ArrayList<>(entries.keySet());
      String name = names.get(random.nextInt(names.size()));
      // The pickle decides on the rest.
      String pickle = names.stream().filter(n -> n.endsWith("/data.pkl")).findAny().orElse(name);
      boolean stored = true;
      switch (random.nextInt(10)) {
        case 0 -> entries.remove(name);
        case 1 -> entries.put(NAMES[random.nextInt(NAMES.length)], entries.get(name));
        case 2 -> entries.put(NAMES[random.nextInt(NAMES.length)], entries.remove(name));
        case 3 -> entries.put(name, content.mutate(entries.get(name), random));
        case 4 -> entries.put(name, new byte[random.nextInt(1 << 18)]);
        case 5 -> stored = false;
        default -> entries.put(pickle, content.mutate(entries.get(pickle), random));
      }
      try {
        return zip(entries, stored);
      } catch (IllegalArgumentException e) {
        return input;
      }
    }

    /** An archive as torch.save writes it, or a compressed one. */
    static byte[] zip(Map<String, byte[]> entries, boolean stored) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      try (ZipOutputStream zip = new ZipOutputStream(out)) {
        for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
          ZipEntry header = new ZipEntry(entry.getKey());
          if (stored) {
            CRC32 crc = new CRC32();
            crc.update(entry.getValue());
            header.setMethod(ZipEntry.STORED);
            header.setSize(entry.getValue().length);
            header.setCrc(crc.getValue());
          }
          zip.putNextEntry(header);
          zip.write(entry.getValue());
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return out.toByteArray();
    }
  }
}
