// Package deployments holds no code, only the tests of what deploys stockhold:
// the manifests under deploy/kubernetes and the Dockerfile.
//
// Nothing here has a cluster. What a cluster would do with a manifest is done by
// other means, as far as they reach:
//
//   - kustomize, as a library, builds every kustomization, and each object is
//     decoded into the type of the Kubernetes API that it claims to be, where a
//     field that does not exist is an error (build_test.go);
//   - what the objects say of each other and of the program is looked up on the
//     other side: names, labels, ports, flags, variables, times (references_test.go,
//     program_test.go, times_test.go);
//   - every pod is held against the restricted Pod Security Standard, rule by rule
//     (restricted_test.go), and every connection it needs against the network
//     policies (network_test.go);
//   - the containers run as processes, with the command line and the environment of
//     the manifest, on real stores and beside what plays the API server
//     (site_test.go, cluster_test.go, run_test.go, stores_test.go);
//   - the program is built by the Dockerfile's own command (dockerfile_test.go).
package deployments
