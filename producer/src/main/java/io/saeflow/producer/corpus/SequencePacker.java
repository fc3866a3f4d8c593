// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import io.saeflow.schemas.stream.DocumentSpan;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Packs documents into sequences as {@link Packing} says. Holds one document at a time. */
public final class SequencePacker implements SequenceSource {
  private static final int[] NOTHING = {};

  private final DocumentSource documents;
  private final Function<String, int[]> tokenizer;
  private final Packing packing;

  private int[] tokens = NOTHING;
  private int taken;
  private long document;
  private String labels = DocumentSpan.NO_LABELS;

  /**
   * @param documents closed by this packer
   * @param tokenizer a text's token ids, such as {@link Tokenizer#encode}
   */
  public SequencePacker(
      DocumentSource documents, Function<String, int[]> tokenizer, Packing packing) {
    this.documents = documents;
    this.tokenizer = tokenizer;
    this.packing = packing;
  }

  @Override
  public String name() {
    return "the packed text";
  }

  @Override
  public int contextLength() {
    return packing.contextLength();
  }

  @Override
  public @Nullable TokenSequence next() throws CorpusException {
    int[] sequence = new int[packing.contextLength()];
    List<DocumentSpan> spans = new ArrayList<>();
    int filled = 0;
    if (packing.bos().isPresent()) {
      sequence[filled++] = packing.bos().getAsInt();
    }
    while (filled < sequence.length) {
      if (taken == tokens.length && !nextDocument()) {
        return null;
      }
      int count = Math.min(sequence.length - filled, tokens.length - taken);
      if (count > 0) {
        spans.add(new DocumentSpan(filled, document, taken, labels));
        System.arraycopy(tokens, taken, sequence, filled, count);
        filled += count;
        taken += count;
      }
    }
    return new TokenSequence(sequence, spans);
  }

  @Override
  public void close() {
    documents.close();
  }

  private boolean nextDocument() throws CorpusException {
    Document next = documents.next();
    if (next == null) {
      return false;
    }
    document = next.number();
    labels = next.labels();
    tokens = withSeparator(tokenizer.apply(next.text()));
    taken = 0;
    return true;
  }

  private int[] withSeparator(int[] text) {
    if (packing.separator().isEmpty()) {
      return text;
    }
    int[] separated = new int[text.length + 1];
    separated[0] = packing.separator().getAsInt();
    System.arraycopy(text, 0, separated, 1, text.length);
    return separated;
  }
}
