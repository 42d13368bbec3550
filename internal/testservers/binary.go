package testservers

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// systemFolders are where distributions put servers without adding the folder to an ordinary user's PATH.
var systemFolders = []string{"/usr/sbin", "/usr/local/sbin"}

// binary finds the program called name on PATH or in systemFolders.
func binary(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return filepath.Abs(path)
	}
	for _, folder := range systemFolders {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is neither on PATH nor in %v: run `make deps` to install it", name, systemFolders)
}
