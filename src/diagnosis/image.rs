//! The name of an image taken apart: registry, repository, tag or digest.

/// Where an image is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registry {
    Ecr { account: String, region: String, host: String },
    EcrPublic,
    DockerHub,
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub registry: Registry,
    /// Without the registry's host; Docker Hub's own images are `library/NAME`.
    pub repository: String,
    /// The tag, `latest` where none is written.
    pub tag: Option<String>,
    /// `sha256:…`, which wins over a tag.
    pub digest: Option<String>,
}

impl Image {
    #[must_use]
    pub fn named(name: &str) -> Self {
        let (path, digest) = match name.split_once('@') {
            Some((path, digest)) => (path, Some(digest.to_owned())),
            None => (name, None),
        };
        // A colon before the last slash is the port of a host.
        let (path, tag) = match path.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag.to_owned())),
            _ => (path, None),
        };
        let host = path.split_once('/').filter(|(first, _)| first.contains(['.', ':']) || *first == "localhost");
        let (registry, repository) = match host {
            Some((host, rest)) => (registry_at(host), rest.to_owned()),
            None => (Registry::DockerHub, path.to_owned()),
        };
        let repository = if registry == Registry::DockerHub && !repository.contains('/') { format!("library/{repository}") } else { repository };
        let tag = tag.or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Self { registry, repository, tag, digest }
    }

    /// `tag 41` or `digest sha256:…`.
    #[must_use]
    pub fn reference(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("digest {digest}"),
            (None, tag) => format!("tag {}", tag.as_deref().unwrap_or("latest")),
        }
    }

    /// Whose registry it is, in words.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.registry {
            Registry::Ecr { account, region, .. } => format!("Amazon ECR of account {account} in {region}"),
            Registry::EcrPublic => "Amazon ECR Public".to_owned(),
            Registry::DockerHub => "Docker Hub".to_owned(),
            Registry::Other(host) => host.clone(),
        }
    }
}

fn registry_at(host: &str) -> Registry {
    let parts: Vec<&str> = host.split('.').collect();
    match parts.as_slice() {
        [account, "dkr", "ecr" | "ecr-fips", region, ..] => Registry::Ecr { account: (*account).to_owned(), region: (*region).to_owned(), host: host.to_owned() },
        ["public", "ecr", "aws"] => Registry::EcrPublic,
        ["docker", "io"] | ["index" | "registry-1", "docker", "io"] => Registry::DockerHub,
        _ => Registry::Other(host.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_docker_hubs_and_its_tag_is_latest() {
        let image = Image::named("redis");
        assert_eq!((image.registry.clone(), image.repository.as_str(), image.reference().as_str()), (Registry::DockerHub, "library/redis", "tag latest"));
        assert_eq!(Image::named("docker.io/library/redis:8").repository, "library/redis");
        assert_eq!(Image::named("shop/web").repository, "shop/web");
    }

    #[test]
    fn an_ecr_name_gives_account_region_and_tag() {
        let image = Image::named("111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/web:41");
        assert_eq!(image.place(), "Amazon ECR of account 111122223333 in eu-west-1");
        assert_eq!((image.repository.as_str(), image.reference().as_str()), ("shop/web", "tag 41"));
    }

    #[test]
    fn a_port_is_no_tag_and_a_digest_wins() {
        let image = Image::named("registry.example.com:5000/web");
        assert_eq!((image.place().as_str(), image.reference().as_str()), ("registry.example.com:5000", "tag latest"));
        assert_eq!(Image::named("web:1@sha256:ab").reference(), "digest sha256:ab");
    }
}
