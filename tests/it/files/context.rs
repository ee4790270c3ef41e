//! What a workspace tells its children at their start.

use serde_json::{Value, json};

use super::{folder, save, workspace};
use crate::in_both_modes;
use crate::support::{Mode, Server};

in_both_modes!(a_child_reads_what_its_parent_shares);

async fn a_child_reads_what_its_parent_shares(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let parent = workspace(&admin, "Lead").await;
    let child = |name: &'static str, under: String| {
        let admin = admin.clone();
        async move {
            let body = json!({"name": name, "parent_id": under});
            let id = admin.create(body).await;
            let token = admin.register(&id).await;
            (id, token)
        }
    };
    let (direct, token) = child("Child", parent.clone()).await;
    let (_, grandchild) = child("Grandchild", direct.clone()).await;
    let (stranger, strange) = child("Stranger", workspace(&admin, "Other").await).await;
    let path = format!("/workspaces/{parent}/shared-context");
    assert_eq!(admin.get(&path).await.expect(200), json!([]), "no configuration");

    save(&admin, &parent, "/config.yaml", "shared_context: [").await.expect(200);
    assert_eq!(admin.get(&path).await.expect(200), json!([]), "it cannot be understood");
    let config = "name: Lead\nshared_context:\n  - guide.md\n  - docs/rules.md\n  - missing.md\n  \
        - ../../../../etc/passwd\n  - /etc/passwd\n  - .auth_token\n  - link\n";
    save(&admin, &parent, "/config.yaml", config).await.expect(200);
    save(&admin, &parent, "/guide.md", "Be kind.\n").await.expect(200);
    save(&admin, &parent, "/docs/rules.md", "# Rules\n").await.expect(200);
    let configs = folder(&server, &parent, "configs");
    std::fs::write(configs.join(".auth_token"), "secret").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", configs.join("link")).unwrap();

    let shared = json!([
        {"path": "guide.md", "content": "Be kind.\n"},
        {"path": "docs/rules.md", "content": "# Rules\n"},
    ]);
    let claims = |id: &str| [("x-workspace-id".to_owned(), id.to_owned())];
    let ask = |token: String, claims: Vec<(String, String)>| {
        let (client, path) = (server.bearer(&token), path.clone());
        async move {
            let headers: Vec<_> = claims.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            client.get_with(&path, &headers).await
        }
    };
    let with = ask(token.clone(), claims(&direct).to_vec()).await;
    assert_eq!(with.expect(200), shared);
    assert_eq!(ask(token.clone(), vec![]).await.expect(200), shared);
    let own = admin.register(&parent).await;
    assert_eq!(ask(own, vec![]).await.expect(200), shared);
    // Nobody else, whatever they say.
    for (token, said) in [
        (grandchild, &direct),
        (strange.clone(), &direct),
        (strange, &stranger),
        (token.clone(), &stranger),
    ] {
        ask(token, claims(said).to_vec()).await.expect(401);
    }
    let anonymous = server.anonymous();
    anonymous.get_with(&path, &[("x-workspace-id", &direct)]).await.expect(401);
    // And only this is shared.
    let files = server.bearer(&token).get(&format!("/workspaces/{parent}/files")).await;
    assert_eq!(files.expect(401)["error"], Value::from("invalid workspace auth token"));
    let nobody = "/workspaces/00000000-0000-4000-8000-000000000000/shared-context";
    assert_eq!(admin.get(nobody).await.expect(404)["error"], "workspace not found");
}
