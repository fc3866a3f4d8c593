// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import com.fasterxml.jackson.core.JsonGenerator;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.sinks.files.JsonFile;
import io.saeflow.sinks.files.OutputFolder;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;

/**
 * Appends to {@code view/progress.jsonl}, one line of JSON for each moment: {@code at} (epoch
 * milliseconds), {@code tokens}, {@code total} (or null), {@code modelLag}, {@code featureLag},
 * {@code complete}, and {@code saes}: of each, how many features are alive, dead and dense, {@code
 * l0} and {@code normalizedMse} (or null). A run that is resumed goes on in the same file. Used by
 * one thread.
 */
public final class ProgressLog implements AutoCloseable {
  private final FileChannel channel;
  private final Map<String, ViewSink> saes;
  private final Clock clock;

  private ProgressLog(FileChannel channel, Map<String, ViewSink> saes, Clock clock) {
    this.channel = channel;
    this.saes = new TreeMap<>(saes);
    this.clock = clock;
  }

  /**
   * Opens the log, and cuts off a last line that a crash left unfinished.
   *
   * @param saes by id; each says how its features are
   */
  public static ProgressLog open(OutputFolder out, Map<String, ViewSink> saes) throws IOException {
    return open(out, saes, Clock.systemUTC());
  }

  static ProgressLog open(OutputFolder out, Map<String, ViewSink> saes, Clock clock)
      throws IOException {
    Path file = out.resolve(ViewFiles.PROGRESS);
    Files.createDirectories(file.resolveSibling("."));
    if (Files.exists(file)) {
      cutTornLine(file);
    }
    return new ProgressLog(
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND), saes, clock);
  }

  /**
   * Appends a line about now.
   *
   * @param tokens tokens that are in the features' statistics
   * @param total tokens of the whole run, once that is known
   * @param modelLag batches that wait for the model
   * @param featureLag batches that wait for the features
   * @param complete whether the run is done; true in the last line only
   */
  public void append(
      long tokens, OptionalLong total, long modelLag, long featureLag, boolean complete)
      throws IOException {
    byte[] json =
        Json.bytes(
            out -> {
              out.writeStartObject();
              out.writeNumberField("at", clock.millis());
              out.writeNumberField("tokens", tokens);
              if (total.isPresent()) {
                out.writeNumberField("total", total.getAsLong());
              } else {
                out.writeNullField("total");
              }
              out.writeNumberField("modelLag", modelLag);
              out.writeNumberField("featureLag", featureLag);
              out.writeBooleanField("complete", complete);
              out.writeObjectFieldStart("saes");
              for (Map.Entry<String, ViewSink> sae : saes.entrySet()) {
                out.writeObjectFieldStart(sae.getKey());
                write(out, sae.getValue().counts(), sae.getValue().statistics());
                out.writeEndObject();
              }
              out.writeEndObject();
              out.writeEndObject();
            });
    ByteBuffer line = ByteBuffer.allocate(json.length + 1).put(json).put((byte) '\n').flip();
    while (line.hasRemaining()) {
      channel.write(line);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  static void write(JsonGenerator out, FeatureCounts counts, EncodingStatistics statistics)
      throws IOException {
    out.writeNumberField("alive", counts.alive());
    out.writeNumberField("dead", counts.dead());
    out.writeNumberField("dense", counts.dense());
    JsonFile.writeFiniteOrNull(out, "l0", statistics.l0());
    JsonFile.writeFiniteOrNull(out, "normalizedMse", statistics.normalizedMse());
  }

  private static void cutTornLine(Path path) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      long end = file.length();
      while (end > 0) {
        file.seek(end - 1);
        if (file.read() == '\n') {
          break;
        }
        end--;
      }
      file.setLength(end);
    }
  }
}
