// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import io.saeflow.compose.config.SaeEntry;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import io.saeflow.schemas.tensorfile.NumpyFile;
import io.saeflow.schemas.tensorfile.TensorFileException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.ZipFile;

/** The cases that the oracle made: one model, one token matrix, and autoencoders with the truth. */
final class OracleCases {
  static final Path FOLDER = Path.of("src/test/resources/oracle");
  static final int SEQUENCES = 26;
  static final int CONTEXT = 24;
  static final int LATENTS = 96;

  private OracleCases() {}

  /** The names of all cases, {@code <family>--<hook>}. */
  static List<String> names() throws IOException {
    try (Stream<Path> cases = Files.list(FOLDER.resolve("cases"))) {
      return cases.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  static String hook(String name) {
    return name.substring(name.indexOf("--") + 2);
  }

  /** A case's name as an SAE id, which cannot hold everything that a folder's name can. */
  static String id(String name) {
    return name.replace("--", "-");
  }

  /** A run of {@code cases} on their tokens, three sequences a batch. */
  static Settings run(List<String> cases, Path out) {
    List<SaeEntry> saes = new ArrayList<>();
    for (String name : cases) {
      Path sae = FOLDER.resolve("cases").resolve(name).resolve("sae");
      saes.add(new SaeEntry(sae, hook(name), id(name), null));
    }
    return new Settings()
        .text(Setting.RUN_ID, "oracle")
        .path(Setting.MODEL, FOLDER.resolve("model"))
        .path(Setting.TOKENS, FOLDER.resolve("tokens.npy"))
        .path(Setting.OUT, out)
        .text(Setting.SUBJECT, "tiny")
        .number(Setting.BATCH_SIZE, 3)
        .number(Setting.WINDOW, 8)
        .saes(saes);
  }

  /** Writes {@code sequences} sequences of tokens that the model knows, common ones more often. */
  static Path writeTokens(Path file, int sequences) throws IOException {
    int tokens = sequences * CONTEXT;
    String header =
        "{'descr': '<i4', 'fortran_order': False, 'shape': (%d, %d), }"
            .formatted(sequences, CONTEXT);
    header += " ".repeat(64 - (10 + header.length() + 1) % 64) + "\n";
    ByteBuffer bytes =
        ByteBuffer.allocate(10 + header.length() + 4 * tokens).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII)).put((byte) 1);
    bytes.put((byte) 0).putShort((short) header.length());
    bytes.put(header.getBytes(StandardCharsets.US_ASCII));
    Random random = new Random(3);
    for (int i = 0; i < tokens; i++) {
      bytes.putInt((int) Math.min(96, 97 * Math.pow(random.nextDouble(), 2)));
    }
    return Files.write(file, bytes.array());
  }

  static RunSummary execute(Settings settings) throws Exception {
    return new Pipeline().run(settings.toRunConfig(), settings.toOutputConfig(), RunListener.NONE);
  }

  /** Every non-zero latent that the oracle found, by row, position, then latent. */
  static final class Truth {
    final long[] rows;
    final long[] positions;
    final long[] features;
    final float[] values;

    private Truth(long[] rows, long[] positions, long[] features, float[] values) {
      this.rows = rows;
      this.positions = positions;
      this.features = features;
      this.values = values;
    }

    static Truth of(String name, Path temporary) throws IOException, TensorFileException {
      try (ZipFile zip =
          new ZipFile(FOLDER.resolve("cases").resolve(name).resolve("truth.npz").toFile())) {
        return new Truth(
            longs(zip, "rows", temporary),
            longs(zip, "positions", temporary),
            longs(zip, "features", temporary),
            floats(zip, "values", temporary));
      }
    }

    private static long[] longs(ZipFile zip, String array, Path temporary)
        throws IOException, TensorFileException {
      try (NumpyFile file = open(zip, array, temporary)) {
        return file.longs();
      }
    }

    private static float[] floats(ZipFile zip, String array, Path temporary)
        throws IOException, TensorFileException {
      try (NumpyFile file = open(zip, array, temporary)) {
        return file.floats();
      }
    }

    private static NumpyFile open(ZipFile zip, String array, Path temporary)
        throws IOException, TensorFileException {
      Path file = Files.createTempFile(temporary, array, ".npy");
      try (InputStream in = zip.getInputStream(zip.getEntry(array + ".npy"))) {
        Files.write(file, in.readAllBytes());
      }
      return NumpyFile.open(file);
    }
  }
}
