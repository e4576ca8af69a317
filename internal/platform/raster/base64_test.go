package raster

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// anyBytes returns n bytes that are the same in every run.
func anyBytes(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

func TestBase64IsTheStandardOne(t *testing.T) {
	t.Parallel()
	for n := range 70 {
		data := anyBytes(n)
		text := appendBase64([]byte("before"), data)
		if want := "before" + base64.StdEncoding.EncodeToString(data); string(text) != want {
			t.Errorf("appendBase64(%d bytes) = %q, want %q", n, text, want)
			continue
		}
		again, err := decodeBase64(text[len("before"):])
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("decodeBase64(%d bytes) = %x, %v, want %x", n, again, err, data)
		}
	}
}

func TestBase64ReaderYieldsTheSameTextInAnyPieces(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		data := anyBytes(n)
		want := base64.StdEncoding.EncodeToString(data)
		for piece := 1; piece < 60; piece++ {
			var got []byte
			reader, buffer := NewBase64Reader(data), make([]byte, piece)
			for {
				n, err := reader.Read(buffer)
				got = append(got, buffer[:n]...)
				if errors.Is(err, io.EOF) {
					break
				}
				if n == 0 || err != nil {
					t.Fatalf("Read(%d bytes in pieces of %d) = %d, %v, want more text", len(data), piece, n, err)
				}
			}
			if string(got) != want || Base64Size(n) != len(want) {
				t.Errorf("Read(%d bytes in pieces of %d) = %q of %d, want %q", n, piece, got, Base64Size(n), want)
			}
		}
	}
}

func TestBase64JudgesAsTheStandardOne(t *testing.T) {
	t.Parallel()
	valid := base64.StdEncoding.EncodeToString(anyBytes(60))
	texts := []string{valid[:79], valid + "=", "=" + valid, strings.Repeat(valid+"\r\n", 3), valid[:9] + "\n" + valid[9:]}
	for at := range 32 {
		for _, c := range []byte{0, '\n', '-', '=', 0x80, 0xff} {
			texts = append(texts, valid[:at]+string([]byte{c})+valid[at+1:])
		}
	}
	for _, text := range texts {
		want, wantErr := base64.StdEncoding.DecodeString(text)
		got, err := decodeBase64([]byte(text))
		if fmt.Sprint(err) != fmt.Sprint(wantErr) || err == nil && !bytes.Equal(got, want) {
			t.Errorf("decodeBase64(%q) = %x, %v, want %x, %v", text, got, err, want, wantErr)
		}
	}
}

// BenchmarkBase64 works on a picture of 600 KB.
func BenchmarkBase64(b *testing.B) {
	data := anyBytes(600_000)
	text := appendBase64(nil, data)
	room := make([]byte, len(text))
	b.Run("encode/standard", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			room = base64.StdEncoding.AppendEncode(room[:0], data)
		}
	})
	b.Run("encode/here", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			room = appendBase64(room[:0], data)
		}
	})
	b.Run("decode/standard", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			copy(room, text)
			if _, err := base64.StdEncoding.Decode(room, room); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode/here", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			copy(room, text)
			if _, err := decodeBase64(room); err != nil {
				b.Fatal(err)
			}
		}
	})
}
