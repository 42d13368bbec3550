package tokens

import "stockhold/internal/livefile"

// File is keys in a file.
type File struct{ keys *livefile.Value[*Keys] }

// NewFile loads them.
func NewFile(w *livefile.Watch, path string) (*File, error) {
	keys, err := livefile.Load(w, "the token issuer's keys", []string{path}, func(contents [][]byte) (*Keys, error) {
		return ParseKeys(contents[0])
	})
	if err != nil {
		return nil, err
	}
	return &File{keys}, nil
}

// Keys implements Source.
func (f *File) Keys() (*Keys, uint64) {
	version := f.keys.Version() // before the keys: at worst they are newer, and looked at once more
	return f.keys.Get(), version
}

// Missing implements Source: the watch over the file looks soon.
func (f *File) Missing() {}
