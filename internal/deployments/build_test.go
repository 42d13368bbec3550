package deployments

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// root is the repository, seen from this package.
const root = "../.."

// manifests is where the kustomizations are, below root.
const manifests = "deploy/kubernetes"

// The kustomizations that are built. A component cannot be built alone, so it
// stands on the overlay of the document.
const (
	base    = "base"
	oneNode = "overlays/one-node"
	example = "example"
	cronJob = "example with sweep-by-cronjob"
	secured = "example with tls"
	traced  = "example with collector"
)

// build is what one kustomization makes.
type build struct {
	name    string
	objects []metav1.Object
}

// everyBuild builds them all.
func everyBuild(t *testing.T) []build {
	t.Helper()
	var builds []build
	for _, name := range []string{base, oneNode, example, cronJob, secured, traced} {
		builds = append(builds, buildOf(t, name))
	}
	return builds
}

// inEach runs a test for each build.
func inEach(t *testing.T, test func(t *testing.T, b build)) {
	t.Helper()
	for _, b := range everyBuild(t) {
		t.Run(strings.ReplaceAll(b.name, "/", "-"), func(t *testing.T) { test(t, b) })
	}
}

// buildOf does what `kustomize build` does, and then what the API server does
// first: it decodes each object into its type, and refuses unknown fields.
func buildOf(t *testing.T, name string) build {
	t.Helper()
	return buildWith(t, name, "")
}

// buildWith builds an overlay of one's own on top.
func buildWith(t *testing.T, name, overlay string) build {
	t.Helper()
	files := filesys.MakeFsInMemory()
	copyManifests(t, files)
	write(t, files, "/example/kustomization.yaml", documentedYAML(t, "kind: Kustomization"))
	write(t, files, "/example/policy.yaml", documentedYAML(t, "callers:"))
	folder := path.Join("/stockhold", manifests, name)
	if name == example {
		folder = "/example"
	} else if _, component, found := strings.Cut(name, example+" with "); found {
		folder = "/more"
		write(t, files, "/more/kustomization.yaml", "resources: [../example]\n"+
			"components: [../stockhold/deploy/kubernetes/components/"+component+"]\n")
	}
	if overlay != "" {
		write(t, files, "/own/kustomization.yaml", "resources: [.."+folder+"]\n"+overlay)
		folder = "/own"
	}
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, folder)
	require.NoError(t, err, name)
	b := build{name: name}
	for _, resource := range made.Resources() {
		text, err := resource.AsYAML()
		require.NoError(t, err)
		b.objects = append(b.objects, decode(t, text))
	}
	require.NotEmpty(t, b.objects, name)
	return b
}

// kinds are the types that a manifest may have.
var kinds = func() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, batchv1.AddToScheme,
		corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			panic(err) // the types are compiled in: no input can cause it
		}
	}
	return scheme
}()

func decode(t *testing.T, text []byte) metav1.Object {
	t.Helper()
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, kinds, kinds, json.SerializerOptions{Yaml: true, Strict: true})
	value, _, err := decoder.Decode(text, nil, nil)
	require.NoError(t, err, "%s", text)
	object, ok := value.(metav1.Object)
	require.True(t, ok, "%T has no name", value)
	return object
}

// all are the objects of one kind.
func all[T metav1.Object](b build) []T {
	var found []T
	for _, object := range b.objects {
		if value, ok := object.(T); ok {
			found = append(found, value)
		}
	}
	return found
}

// one is the object of a kind with a name. Generated names have a hash at their
// end, which is not part of the question.
func one[T metav1.Object](t *testing.T, b build, name string) T {
	t.Helper()
	for _, value := range all[T](b) {
		if value.GetName() == name || strings.HasPrefix(value.GetName(), name+"-") && len(value.GetName()) == len(name)+11 {
			return value
		}
	}
	var none T
	require.Failf(t, "not there", "%s has no %T %s", b.name, none, name)
	return none
}

func copyManifests(t *testing.T, to filesys.FileSystem) {
	t.Helper()
	for _, file := range manifestFiles(t) {
		text, err := os.ReadFile(filepath.Join(root, file))
		require.NoError(t, err)
		write(t, to, path.Join("/stockhold", file), string(text))
	}
}

func write(t *testing.T, to filesys.FileSystem, file, text string) {
	t.Helper()
	require.NoError(t, to.MkdirAll(path.Dir(file)))
	require.NoError(t, to.WriteFile(file, []byte(text)))
}

// manifestFiles are all files below manifests, named from the repository's root.
func manifestFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	require.NoError(t, fs.WalkDir(os.DirFS(root), manifests, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, file)
		}
		return err
	}))
	require.NotEmpty(t, files)
	return files
}

// Every kustomization is built by these tests, and every file is part of one.
func TestNothingIsLeftOut(t *testing.T) {
	built := []string{base, oneNode, "components/sweep-by-cronjob", "components/tls", "components/issuer-token", "components/collector"}
	for _, file := range manifestFiles(t) {
		folder, name := path.Split(file)
		if name == "kustomization.yaml" {
			require.True(t, slices.ContainsFunc(built, func(b string) bool { return path.Join(manifests, b) == path.Clean(folder) }),
				"%s is not built", file)
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, folder, "kustomization.yaml"))
		require.NoError(t, err, "%s belongs to no kustomization", file)
		require.Contains(t, string(text), name, "%s is not named by its kustomization", file)
	}
}

// A typo in a field's name, a field at the wrong place and a key that is there
// twice are errors, and so is another case of a letter: the API server is as strict.
func TestDecodingIsStrict(t *testing.T) {
	const head = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\n"
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, kinds, kinds, json.SerializerOptions{Yaml: true, Strict: true})
	for _, wrong := range []string{
		"spec: {minAvailabel: 1}\n", "spec: {minavailable: 1}\n", "minAvailable: 1\n", "spec: {minAvailable: 1, minAvailable: 1}\n",
	} {
		_, _, err := decoder.Decode([]byte(head+wrong), nil, nil)
		require.Error(t, err, wrong)
	}
	_, _, err := decoder.Decode([]byte(head+"spec: {minAvailable: 1}\n"), nil, nil)
	require.NoError(t, err)
}
